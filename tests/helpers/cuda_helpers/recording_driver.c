/* A CUDA driver for tests: one device of compute capability 9.0 whose memory is the host's. It runs no kernel. Each call is a
   line of the file that RECORDED_CALLS names; FAILING_CALL=NAME makes that function fail. Copies and frees of memory that
   was not allocated, or beyond its end, end the process. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4096, OUT_OF_MEMORY = 2 };
static struct { char *start; size_t size; } blocks[BLOCKS];
static __thread int is_current;

static int told(const char *name, const char *details)
{
    const char *failing = getenv("FAILING_CALL");
    FILE *file = fopen(getenv("RECORDED_CALLS"), "a");
    fprintf(file, "%s %s\n", name, details);
    fclose(file);
    return failing && !strcmp(failing, name) ? OUT_OF_MEMORY : 0;
}

static void require(int condition, const char *what)
{
    if (!condition) {
        told("wrong", what);
        abort();
    }
}

static int allocate(const char *name, void **address, size_t size)
{
    char details[64];
    int number = 0;
    snprintf(details, sizeof details, "%zu", size);
    require(is_current, "no context");
    if (told(name, details))
        return OUT_OF_MEMORY;
    while (blocks[number].start)
        number++;
    blocks[number].size = size;
    blocks[number].start = calloc(size, 1);
    *address = blocks[number].start;
    return 0;
}

static int release(const char *name, void *address)
{
    int number = 0;
    while (number < BLOCKS && blocks[number].start != address)
        number++;
    require(address && number < BLOCKS, "freed what was not allocated");
    free(address);
    blocks[number].start = 0;
    return told(name, "");
}

static void require_allocated(const void *address, size_t size)
{
    int number = 0;
    while (number < BLOCKS && !(blocks[number].start && blocks[number].start <= (char *)address
                                && (char *)address + size <= blocks[number].start + blocks[number].size))
        number++;
    require(number < BLOCKS, "copied what was not allocated");
}

int cuInit(unsigned flags) { return told("cuInit", ""); }
int cuDriverGetVersion(int *version) { *version = 12090; return 0; }
int cuGetErrorName(int status, const char **text) { *text = "CUDA_ERROR_OUT_OF_MEMORY"; return 0; }
int cuGetErrorString(int status, const char **text) { *text = "out of memory"; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "recorder"); return 0; }
int cuDeviceTotalMem_v2(size_t *size, int device) { *size = (size_t)80 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = which == 75 ? 9 : which == 76 ? 0 : 132; return 0; }

int cuDevicePrimaryCtxRetain(void **context, int device) { *context = blocks; return told("cuDevicePrimaryCtxRetain", ""); }
int cuCtxSetCurrent(void *context) { is_current = context == blocks; return told("cuCtxSetCurrent", ""); }
int cuCtxSynchronize(void) { return told("cuCtxSynchronize", ""); }

int cuModuleLoadData(void **module, const char *image)
{
    require(!memcmp(image, "\177ELF", 4), "no machine code");
    *module = (void *)image;
    return told("cuModuleLoadData", "");
}

int cuModuleGetFunction(void **function, void *module, const char *name)
{
    *function = strdup(name);
    return told("cuModuleGetFunction", name);
}

int cuMemAlloc_v2(uint64_t *address, size_t size) { return allocate("cuMemAlloc_v2", (void **)address, size); }
int cuMemHostAlloc(void **address, size_t size, unsigned flags) { return allocate("cuMemHostAlloc", address, size); }
int cuMemFree_v2(uint64_t address) { return release("cuMemFree_v2", (void *)address); }
int cuMemFreeHost(void *address) { return release("cuMemFreeHost", address); }

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size)
{
    require_allocated((void *)to, size);
    memcpy((void *)to, from, size);
    return told("cuMemcpyHtoD_v2", "");
}

static int copy_both(const char *name, void *to, const void *from, size_t size)
{
    require_allocated(to, size);
    require_allocated(from, size);
    memcpy(to, from, size);
    return told(name, "");
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream)
{
    return copy_both("cuMemcpyHtoDAsync_v2", (void *)to, from, size);
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream)
{
    return copy_both("cuMemcpyDtoHAsync_v2", to, (void *)from, size);
}

int cuStreamCreate(void **stream, unsigned flags) { *stream = malloc(1); return told("cuStreamCreate", ""); }
int cuStreamSynchronize(void *stream) { return told("cuStreamSynchronize", ""); }
int cuStreamDestroy_v2(void *stream) { free(stream); return told("cuStreamDestroy_v2", ""); }

int cuLaunchKernel(char *name, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **parameters, void **extra)
{
    char details[128];
    require(extra[0] == (void *)1 && extra[2] == (void *)2 && !extra[4] && !parameters, "parameters in one buffer");
    snprintf(details, sizeof details, "%u %u %u %u %u %u %u %zu %.60s", x, y, z, bx, by, bz, shared, *(size_t *)extra[3], name);
    return told("cuLaunchKernel", details);
}
