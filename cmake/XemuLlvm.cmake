# LLVM for tier 2, linked statically. XEMU_LLVM=OFF builds without it: tier 2 says no then, and tier 1 runs everything.
#
# LLVM's static constructors would cost every start two milliseconds, also of programs that never compile. In copies of the archives they stand in a section
# llvm_ctors that nothing runs at start-up; the optimizer does (lift/llvm.c).
set(XEMU_LLVM_ROOT /usr/lib/llvm-19 CACHE PATH "Where LLVM 19 is installed")
set(llvm_default ON)
if(XEMU_SANITIZE OR XEMU_FUZZ OR NOT EXISTS ${XEMU_LLVM_ROOT}/lib/libLLVMX86CodeGen.a)
    set(llvm_default OFF)
endif()
option(XEMU_LLVM "Build tier 2 (needs LLVM 19's static archives)" ${llvm_default})
if(NOT XEMU_LLVM)
    message(STATUS "Without LLVM: no tier 2")
    return()
endif()

execute_process(COMMAND ${XEMU_LLVM_ROOT}/bin/llvm-config --link-static --libs x86codegen x86asmparser passes
    OUTPUT_VARIABLE libs OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libstdc++.a
    OUTPUT_VARIABLE libstdcxx OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(libs UNIX_COMMAND "${libs}")
set(folder ${CMAKE_BINARY_DIR}/llvm)
file(MAKE_DIRECTORY ${folder})
set(copies)
foreach(lib ${libs})
    string(REGEX REPLACE "^-l" "lib" name ${lib})
    set(copy ${folder}/${name}.a)
    # Made once, when the build is configured: Ninja has nothing to check afterwards.
    if(NOT EXISTS ${copy} OR ${XEMU_LLVM_ROOT}/lib/${name}.a IS_NEWER_THAN ${copy})
        execute_process(COMMAND ${CMAKE_OBJCOPY} --rename-section .init_array=llvm_ctors,alloc,load,data,contents
            ${XEMU_LLVM_ROOT}/lib/${name}.a ${copy} COMMAND_ERROR_IS_FATAL ANY)
    endif()
    list(APPEND copies ${copy})
endforeach()

add_library(xemu_llvm INTERFACE)
target_compile_definitions(xemu_llvm INTERFACE XEMU_LLVM=1)
target_include_directories(xemu_llvm SYSTEM INTERFACE ${XEMU_LLVM_ROOT}/include)
target_link_libraries(xemu_llvm INTERFACE -Wl,--start-group ${copies} -Wl,--end-group ${libstdcxx} z zstd rt dl m)
target_link_options(xemu_llvm INTERFACE -Wl,-z,nostart-stop-gc)
