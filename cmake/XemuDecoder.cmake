# xemu_decoder(LIB PREFIX p DIR folder): compiles the folder's .decode files with the decodegen tool to
# generated/<folder>/<p>_decode.{h,c} in the build folder and adds them to the library.
function(xemu_decoder lib)
    cmake_parse_arguments(arg "" "PREFIX;DIR" "" ${ARGN})
    file(GLOB patterns CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${arg_DIR}/*.decode)
    file(GLOB generator CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/decodegen/*.c)
    set(out ${XEMU_GENERATED}/${arg_DIR})
    file(MAKE_DIRECTORY ${out})
    target_include_directories(${lib} PUBLIC ${out})
    if(NOT patterns OR NOT generator)
        return()
    endif()
    list(SORT patterns)
    set(header ${out}/${arg_PREFIX}_decode.h)
    set(source ${out}/${arg_PREFIX}_decode.c)
    add_custom_command(
        OUTPUT ${header} ${source}
        COMMAND decodegen --prefix ${arg_PREFIX} --out-dir ${out} ${patterns}
        DEPENDS decodegen ${patterns}
        COMMENT "Generating ${arg_DIR}/${arg_PREFIX}_decode.{h,c}"
        VERBATIM)
    target_sources(${lib} PRIVATE ${source})
    # Whoever includes the header must be built after it was made.
    add_custom_target(${lib}_decoder DEPENDS ${header} ${source})
    add_dependencies(${lib} ${lib}_decoder)
endfunction()
