// Dynamic loading: dlopen of libraries, symbols by name, libraries' own thread-local storage, weak symbols.
// guest: link=dynamic
#include "guest.h"
#include <dlfcn.h>
#include <math.h>

extern int not_there(void) __attribute__((weak));

int main(void)
{
    void *libm = dlopen("libm.so.6", RTLD_NOW);
    double (*cosine)(double) = NULL;
    if (libm)
        *(void **)&cosine = dlsym(libm, "cos");
    printf("libm %d cos(0) %g\n", libm != NULL, cosine ? cosine(0) : -1);
    bool missing = dlopen("libnone.so.99", RTLD_LAZY) == NULL;
    printf("missing: %d %d\n", missing, dlerror() != NULL);
    printf("no symbol: %d\n", dlsym(libm, "no_such_symbol") == NULL);
    void *resolv = dlopen("libresolv.so.2", RTLD_LAZY | RTLD_LOCAL);
    printf("resolv %d close %d\n", resolv != NULL, resolv ? dlclose(resolv) : -1);
    int (*mine)(const char *, ...) = NULL;
    *(void **)&mine = dlsym(RTLD_DEFAULT, "printf");
    if (mine)
        mine("by dlsym\n");
    Dl_info info;
    bool known = dladdr(*(void **)&mine, &info) != 0;
    printf("dladdr %d %d\n", known, known && info.dli_sname);
    printf("weak %d\n", not_there != NULL);
    return dlclose(libm);
}
