# Compiler settings, and dst_library(): one target per folder, with who may include whom enforced twice: a header is
# found only through a target that was linked, and check_includes.py refuses direct includes that are not declared.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_UNITY_BUILD ${DST_UNITY})

add_compile_options(-Wall -Wextra -Werror -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Wno-missing-field-initializers)
add_compile_options(-fno-omit-frame-pointer -g1)
add_compile_definitions(_FILE_OFFSET_BITS=64 BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_HANDLER_TYPE_REQUIREMENTS)
# Assertions are the program's own (block/assert.h) and stay; libstdc++'s cheap ones join them.
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Known false alarms of GCC 12 on inlined standard containers and Boost.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict> $<$<COMPILE_LANGUAGE:CXX>:-Wno-dangling-pointer>)
  # With -O3 there are more of them, on std::string: told, and no reason not to build.
  foreach(alarm stringop-overflow stringop-overread array-bounds maybe-uninitialized)
    add_compile_options($<$<CONFIG:Release>:-Wno-error=${alarm}>)
  endforeach()
endif()
if(DST_SANITIZE)
  add_compile_options(-fsanitize=${DST_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${DST_SANITIZE})
endif()
if(DST_BREAKS)
  add_compile_definitions(DST_BREAKS=1)
endif()
if(DST_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(DST_CCACHE ccache)
if(DST_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${DST_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DST_CCACHE})
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)

# What is tested is optimised; the tests themselves compile faster so.
set(dst_tests_optimised -Og)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND DST_SANITIZE)
  # Twice as fast as clang's -Og with the sanitizers. gcc needs as long without optimising.
  set(dst_tests_optimised -O0)
endif()

# For what reads a command line: nothing there is worth optimising, and CLI11, all of which is in its header, takes twice
# as long to compile then.
set(dst_cold)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT DST_SANITIZE)
  set(dst_cold -Og)
endif()

# dst_precompile(target [LIBRARY|PROGRAM|TESTS]): with DST_PCH, the target's files start from headers that are compiled
# once for all targets of its kind (libraries are position-independent code, programs position-independent executables).
if(DST_PCH)
  set(dst_pch_headers <algorithm> <array> <chrono> <cstdint> <cstring> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <utility> <variant> <vector> <boost/intrusive/list.hpp> <boost/system/result.hpp>)
  file(WRITE ${CMAKE_BINARY_DIR}/pch/main.cc "int main() { return 0; }\n")
  add_library(dst_pch_library OBJECT ${CMAKE_BINARY_DIR}/pch/main.cc)
  add_executable(dst_pch_program ${CMAKE_BINARY_DIR}/pch/main.cc)
  add_executable(dst_pch_tests ${CMAKE_BINARY_DIR}/pch/main.cc)
  target_precompile_headers(dst_pch_library PRIVATE ${dst_pch_headers})
  target_precompile_headers(dst_pch_program PRIVATE ${dst_pch_headers})
  target_precompile_headers(dst_pch_tests PRIVATE ${dst_pch_headers} <filesystem> <fstream> <set> <thread> <gmock/gmock.h>
    <gtest/gtest.h>)
  target_link_libraries(dst_pch_tests PRIVATE GTest::gmock)
  target_compile_options(dst_pch_tests PRIVATE ${dst_tests_optimised})
endif()
function(dst_precompile target kind)
  if(DST_PCH)
    string(TOLOWER ${kind} kind)
    target_precompile_headers(${target} REUSE_FROM dst_pch_${kind})
  endif()
endfunction()

# dst_check_includes(target DEPS name... [PURE]): the check runs before the target compiles.
function(dst_check_includes target)
  cmake_parse_arguments(ARG "PURE" "" "DEPS" ${ARGN})
  file(GLOB checked CONFIGURE_DEPENDS *.h *.cc *.c)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/includes.stamp)
  set(script ${CMAKE_SOURCE_DIR}/packaging/cmake/check_includes.py)
  set(pure)
  if(ARG_PURE)
    set(pure --pure)
  endif()
  add_custom_command(OUTPUT ${stamp}
    COMMAND ${Python3_EXECUTABLE} ${script} ${pure} --allow "${ARG_DEPS}" ${checked}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${script} ${checked} COMMENT "" VERBATIM)
  add_custom_target(${target}_includes DEPENDS ${stamp})
  add_dependencies(${target} ${target}_includes)
endfunction()

# dst_library(name [PURE] [DEPS folder...] [LIBS external...]): the folder's *.cc except main.cc as target dst_<name>,
# its headers reachable as "name/header.h" from whoever links it.
function(dst_library name)
  cmake_parse_arguments(ARG "PURE" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  set(include ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${include})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${include}/${name} SYMBOLIC)
  set(linked ${ARG_DEPS})
  list(TRANSFORM linked PREPEND dst_)
  if(sources)
    add_library(dst_${name} STATIC ${sources})
    dst_precompile(dst_${name} LIBRARY)
    target_include_directories(dst_${name} PUBLIC ${include})
    target_link_libraries(dst_${name} PUBLIC ${linked} ${ARG_LIBS})
    if(ARG_PURE)
      dst_check_includes(dst_${name} PURE DEPS ${name} ${ARG_DEPS})
    else()
      dst_check_includes(dst_${name} DEPS ${name} ${ARG_DEPS})
    endif()
  else()
    add_library(dst_${name} INTERFACE)
    target_include_directories(dst_${name} INTERFACE ${include})
    target_link_libraries(dst_${name} INTERFACE ${linked} ${ARG_LIBS})
  endif()
endfunction()
