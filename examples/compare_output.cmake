# Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
#
# Runs PROGRAM and compares what it prints with the file EXPECTED, line by line.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE status TIMEOUT 240)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${status}; it printed:\n${printed}")
endif()
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "expected:\n${expected}\nprinted:\n${printed}")
endif()
message("${printed}")
