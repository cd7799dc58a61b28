# Included when llama-cpp-python is compiled: leaves out llama.cpp's own command line library,
# which Python never loads and which would take about as long again.
set(LLAMA_BUILD_COMMON OFF)
