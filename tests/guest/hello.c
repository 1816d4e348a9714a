// The first program: output through stdio, arguments, environment, exit handlers.
#include "guest.h"

static void at_exit(void)
{
    puts("at exit");
}

int main(int argc, char **argv)
{
    atexit(at_exit);
    printf("hello, world\n");
    fprintf(stderr, "to stderr\n");
    printf("argc %d\n", argc);
    for (int i = 1; i < argc; i++)
        printf("argv[%d] %s\n", i, argv[i]);
    printf("HOME %s\n", getenv("HOME") ? "set" : "unset");
    setenv("GUEST", "value", 1);
    printf("GUEST %s\n", getenv("GUEST"));
    fputs("no newline at the end", stdout);
    return 3;
}
