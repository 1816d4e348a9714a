# xemu_library(NAME DIR folder [LINK libs...]): a static library of all .c and .S files below a folder.
# A folder that has none yet still makes a (nearly empty) library, so that the layers above link.
function(xemu_library name)
    cmake_parse_arguments(arg "" "DIR" "LINK" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS
         ${CMAKE_SOURCE_DIR}/${arg_DIR}/*.c ${CMAKE_SOURCE_DIR}/${arg_DIR}/*.S)
    if(NOT sources)
        set(sources ${XEMU_GENERATED}/empty/${name}.c)
        file(CONFIGURE OUTPUT ${sources} CONTENT "typedef int ${name}_is_empty;\n")
    endif()
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${arg_LINK})
endfunction()

# xemu_static_program(NAME): link it fully static, so that it runs in a chroot, in a container and as a
# binfmt_misc interpreter. Sanitizer run-times are shared libraries, so sanitized builds stay dynamic.
function(xemu_static_program name)
    if(XEMU_SANITIZE OR XEMU_FUZZ)
        target_link_options(${name} PRIVATE -no-pie)
    else()
        target_link_options(${name} PRIVATE -static)
    endif()
endfunction()
