# Language level, warnings, sanitizers and link flags common to every target.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(XEMU_WERROR "Treat warnings as errors" ON)
set(XEMU_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (empty: none, and a static executable)")
option(XEMU_COVERAGE "Count the decode patterns that are met (frontend/aarch64/coverage.h)" OFF)
option(XEMU_FUZZ "Build the libFuzzer targets of tests/fuzz (needs clang)" OFF)

# Where xemu itself sits: at the end of the two gigabytes that code for the small memory model must be in. Guests are
# linked at the other end, and some (gcl) map their heap over all that follows there.
set(XEMU_IMAGE_BASE 0x78000000)

set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")
set(CMAKE_ASM_FLAGS_RELEASE "-g")

add_compile_definitions(_GNU_SOURCE XEMU_VERSION="${PROJECT_VERSION}")
add_compile_options(
    -fno-pie -ffunction-sections -fdata-sections
    $<$<COMPILE_LANGUAGE:C>:-fno-strict-aliasing>
    $<$<C_COMPILER_ID:GNU>:-fno-merge-constants> # strings stand together, not among LLVM's
    $<$<COMPILE_LANGUAGE:C>:-ffp-contract=off>
    $<$<COMPILE_LANGUAGE:C>:-Wall> $<$<COMPILE_LANGUAGE:C>:-Wextra> $<$<COMPILE_LANGUAGE:C>:-Wshadow>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wvla>)
if(XEMU_WERROR)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()

add_link_options(
    -fuse-ld=lld -Wl,--image-base=${XEMU_IMAGE_BASE} -Wl,--gc-sections -Wl,--build-id=sha1
    -Wl,-z,noexecstack)
# What a child of fork runs until it ends, and then what a warm start runs, lies together: each window of 64 KB that a process hasn't touched
# yet costs it a page fault. Names that a build hasn't got don't matter. (The second list is callgrind's of the functions that hello, git,
# bash, perl and python call in runs that translate nothing.)
add_link_options(-Wl,--symbol-ordering-file=${CMAKE_SOURCE_DIR}/cmake/order.txt -Wl,--no-warn-symbol-ordering)

if(XEMU_SANITIZE)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-fsanitize=${XEMU_SANITIZE}>
                        $<$<COMPILE_LANGUAGE:C>:-fno-sanitize-recover=all>
                        -O1 -fno-omit-frame-pointer)
    # Translated code has no type in front of its entry, where the check of calls looks.
    if(XEMU_SANITIZE MATCHES "undefined")
        add_compile_options($<$<COMPILE_LANGUAGE:C>:-fno-sanitize=function>)
        # A pointer made from a guest address may be null, misaligned or anything: that is the guest's affair. For the layers that access
        # guest memory (CMakeLists.txt) and for the tests that play the guest.
        set(XEMU_GUEST_POINTERS $<$<COMPILE_LANGUAGE:C>:-fno-sanitize=pointer-overflow,null,alignment>)
    endif()
    add_link_options(-fsanitize=${XEMU_SANITIZE})
endif()
if(XEMU_COVERAGE)
    add_compile_definitions(XEMU_COVERAGE)
endif()
if(XEMU_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "XEMU_FUZZ needs clang: libFuzzer is part of it")
    endif()
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-fsanitize=fuzzer-no-link>)
endif()

# Every target sees the repository root (#include "frontend/uop/uop.h") and what the build generated.
set(XEMU_GENERATED ${CMAKE_BINARY_DIR}/generated)
include_directories(${CMAKE_SOURCE_DIR} ${XEMU_GENERATED})
