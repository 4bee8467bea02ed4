# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# Installs the library of `build` under `work`/prefix and builds and runs outside/ against that.
# What an earlier run left is removed first: a header that is no longer installed must be missed.
#
# The library is all that is wanted: whoever builds it alone has no Greenroom to install. `programs`
# are the components of the others; each installs itself and nothing else.
file(REMOVE_RECURSE ${work}/prefix ${work}/outside ${work}/programs)
function(step)
  execute_process(COMMAND ${ARGN}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${status}): ${command}\n${output}")
  endif()
endfunction()

step(${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix --component library)
if(EXISTS ${work}/prefix/bin)
  message(FATAL_ERROR "the component `library` installs programs")
endif()
foreach(program IN LISTS programs)
  step(${CMAKE_COMMAND} --install ${build} --prefix ${work}/programs --component ${program})
  file(GLOB_RECURSE installed RELATIVE ${work}/programs ${work}/programs/*)
  if(NOT installed STREQUAL bin/${program})
    message(FATAL_ERROR "the component `${program}` installs ${installed}")
  endif()
  file(REMOVE_RECURSE ${work}/programs)
endforeach()
step(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/outside -B ${work}/outside -G ${generator}
  -DCMAKE_CXX_COMPILER=${compiler} -DCMAKE_PREFIX_PATH=${work}/prefix)
step(${CMAKE_COMMAND} --build ${work}/outside)
step(${work}/outside/outside)
