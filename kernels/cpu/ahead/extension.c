/* Python functions for kernels that Numba has compiled to object files.

   Each takes the arguments of the kernel, with arrays as buffers, and returns an int. It runs
   without the global lock. kernels.h, which `bindings.py` writes, has the table of kernels. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one module for every Python from 3.11 on */
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* One argument of machine code. */
typedef union {
  int64_t integer;
  double real;
  float single;
  void *pointer;
} Slot;

typedef struct {
  const char *name;
  const char *types; /* a tuple of all arguments, as `take` reads it */
  int32_t (*call)(const char *code, int64_t *result, const Slot *slots);
  const char *code[LEVELS]; /* machine code for each level */
} Kernel;

static PyObject *run(const Kernel *kernel, PyObject *const *arguments, Py_ssize_t count);

#define PYTHON_FUNCTION(name, index)                                                        \
  static PyObject *python_##name(PyObject *module, PyObject *const *arguments, Py_ssize_t n) { \
    (void)module;                                                                           \
    return run(&kernels[index], arguments, n);                                              \
  }
#define PYTHON_METHOD(name) {#name, (PyCFunction)(void (*)(void))python_##name, METH_FASTCALL, NULL}

#include "kernels.h"

static int level = -1;

/* The arguments of one call. */
typedef struct {
  Slot slots[MAX_SLOTS + 1];
  int slot_count;
  Py_buffer views[MAX_VIEWS + 1];
  int view_count;
} Call;

/* Take an array: `types` is the letter of its elements and the number of its dimensions. */
static int take_array(Call *call, const char *types, PyObject *value) {
  Py_buffer *view = &call->views[call->view_count];
  const int flags = PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT;
  if (PyObject_GetBuffer(value, view, flags) < 0) return -1;
  call->view_count++;
  char letter = view->format[0];
  /* There are two names for 64 bits on Linux. */
  if (letter == 'q') letter = 'l';
  if (letter == 'Q') letter = 'L';
  if (letter != types[0] || view->format[1] || view->ndim != types[1] - '0') {
    PyErr_Format(PyExc_TypeError, "an array of format %s with %d dimensions where %.2s is expected",
                 view->format, view->ndim, types);
    return -1;
  }
  Slot *slot = &call->slots[call->slot_count];
  (slot++)->pointer = NULL; /* the owner of the memory, which lives longer than the call */
  (slot++)->pointer = NULL;
  (slot++)->integer = view->len / view->itemsize;
  (slot++)->integer = view->itemsize;
  (slot++)->pointer = view->buf;
  for (int k = 0; k < view->ndim; k++) (slot++)->integer = view->shape[k];
  for (int k = 0; k < view->ndim; k++) (slot++)->integer = view->strides[k];
  call->slot_count = (int)(slot - call->slots);
  return 0;
}

static const char *refuse(const char *why) {
  PyErr_SetString(PyExc_TypeError, why);
  return NULL;
}

/* Take one argument and return the types that follow on its own, or NULL after an error. */
static const char *take(Call *call, const char *types, PyObject *value) {
  Slot *slot = &call->slots[call->slot_count];
  switch (*types) {
    case ')':
      return refuse("there are too many arguments");
    case '(':
      if (!PyTuple_Check(value)) return refuse("a tuple is expected");
      types++;
      for (Py_ssize_t k = 0; types && k < PyTuple_Size(value); k++)
        types = take(call, types, PyTuple_GetItem(value, k));
      if (types && *types != ')') return refuse("there are too few arguments");
      return types ? types + 1 : NULL;
    case 'n':
      slot->integer = PyLong_AsLongLong(value);
      break;
    case 's':
      slot->single = (float)PyFloat_AsDouble(value);
      break;
    case 'r':
      slot->real = PyFloat_AsDouble(value);
      break;
    default:
      return take_array(call, types, value) < 0 ? NULL : types + 2;
  }
  if (PyErr_Occurred()) return NULL;
  call->slot_count++;
  return types + 1;
}

static PyObject *run(const Kernel *kernel, PyObject *const *arguments, Py_ssize_t count) {
  Call call;
  call.slot_count = call.view_count = 0;
  const char *types = kernel->types + 1;
  for (Py_ssize_t k = 0; types && k < count; k++) types = take(&call, types, arguments[k]);
  if (types && *types != ')') types = refuse("there are too few arguments");

  int64_t result = 0;
  int32_t status = 0;
  if (types) {
    PyThreadState *state = PyEval_SaveThread();
    status = kernel->call(kernel->code[level], &result, call.slots);
    PyEval_RestoreThread(state);
  }
  for (int k = 0; k < call.view_count; k++) PyBuffer_Release(&call.views[k]);
  if (!types) return NULL;
  if (status) {
    /* Kernels raise nothing themselves; what can fail in them is to get memory. */
    PyErr_Format(PyExc_MemoryError, "%s has failed (%d)", kernel->name, (int)status);
    return NULL;
  }
  return PyLong_FromLongLong(result);
}

/* What kernels need of Numba's runtime: arrays of their own, whose references they count. */

typedef struct {
  size_t references;
  void (*destroy)(void *, size_t, void *);
  void *destroy_info;
  void *data;
  size_t size;
  void *allocator;
} MemInfo;

HIDDEN void *NRT_Allocate(size_t size) { return malloc(size); }

HIDDEN void NRT_Free(void *memory) { free(memory); }

HIDDEN MemInfo *NRT_MemInfo_alloc_aligned(size_t size, uint32_t align) {
  if (size > SIZE_MAX - sizeof(MemInfo) - align) return NULL;
  MemInfo *info = malloc(sizeof(MemInfo) + size + align);
  if (!info) return NULL;
  uintptr_t data = (uintptr_t)(info + 1);
  if (align) data = (data + align - 1) / align * align;
  *info = (MemInfo){1, NULL, NULL, (void *)data, size, NULL};
  return info;
}

HIDDEN MemInfo *NRT_MemInfo_alloc(size_t size) { return NRT_MemInfo_alloc_aligned(size, 0); }

HIDDEN void NRT_MemInfo_call_dtor(MemInfo *info) { free(info); }

/* Find the strides of an array in another shape, which is possible here if it is contiguous. */
HIDDEN int numba_attempt_nocopy_reshape(intptr_t ndim, const intptr_t *shape, const intptr_t *strides,
                                        intptr_t new_ndim, const intptr_t *new_shape,
                                        intptr_t *new_strides, intptr_t itemsize, int fortran) {
  intptr_t expected = itemsize;
  for (intptr_t k = ndim - 1; k >= 0; k--) {
    if (shape[k] != 1 && strides[k] != expected) return 0;
    expected *= shape[k];
  }
  if (fortran) return 0;
  expected = itemsize;
  for (intptr_t k = new_ndim - 1; k >= 0; k--) {
    new_strides[k] = expected;
    expected *= new_shape[k];
  }
  return 1;
}

/* Split a number as Python's math.frexp does. */
HIDDEN double numba_frexp(double x, int *exponent) {
  *exponent = 0;
  return isfinite(x) && x != 0.0 ? frexp(x, exponent) : x;
}

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "shipped_kernels", NULL, -1, methods,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_shipped_kernels(void) {
  level = find_level();
  if (level < 0) {
    PyErr_SetString(PyExc_ImportError, "that of the package is for CPUs with AVX2 and FMA");
    return NULL;
  }
  PyObject *module = PyModule_Create(&definition);
  if (module && (PyModule_AddIntConstant(module, "LANES", lanes_of_level[level]) < 0 ||
                 PyModule_AddStringConstant(module, "LEVEL", name_of_level[level]) < 0))
    Py_CLEAR(module);
  return module;
}
