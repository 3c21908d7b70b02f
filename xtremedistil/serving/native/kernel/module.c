/* The kernel as a Python module. It checks every size and every id again, works on the arrays where
   they are, and releases the interpreter while it computes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

enum { SPARES = 4, SPARE_BYTES = 1 << 23 };
static const char NAME[] = "xtremedistil.native";

/* A network, and what its calls worked in, kept for the next ones; both guarded by the interpreter.
 */
typedef struct {
    Network *network;
    void *spare[SPARES];
    size_t bytes[SPARES];
} Opened;

static PyObject *fault(const char *rule)
{
    PyErr_SetString(PyExc_ValueError, rule);
    return NULL;
}

static void *take_scratch(Opened *o, size_t *bytes)
{
    for (int i = 0; i < SPARES; i++)
        if (o->spare[i] && o->bytes[i] >= *bytes) {
            void *found = o->spare[i];
            *bytes = o->bytes[i];
            o->spare[i] = NULL;
            return found;
        }
    return aligned_alloc(LINE, *bytes);
}

static void give_scratch(Opened *o, void *scratch, size_t bytes)
{
    for (int i = 0; i < SPARES && bytes <= SPARE_BYTES; i++)
        if (!o->spare[i] || o->bytes[i] < bytes) {
            free(o->spare[i]);
            o->spare[i] = scratch;
            o->bytes[i] = bytes;
            return;
        }
    free(scratch);
}

static void close_opened(PyObject *capsule)
{
    Opened *o = PyCapsule_GetPointer(capsule, NAME);
    for (int i = 0; i < SPARES; i++)
        free(o->spare[i]);
    network_close(o->network);
    free(o);
}

static PyObject *kernels(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    PyObject *names = PyList_New(0);
    for (const Kernel *const *k = usable_kernels(); names && *k; k++) {
        PyObject *name = PyUnicode_FromString((*k)->name);
        if (!name || PyList_Append(names, name) < 0)
            Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

static PyObject *open_network(PyObject *self, PyObject *args)
{
    (void)self;
    const char *content, *name, *reason = "no such kernel here";
    Py_ssize_t bytes;
    if (!PyArg_ParseTuple(args, "y#s", &content, &bytes, &name))
        return NULL;
    const Kernel *const *kernel = usable_kernels();
    while (*kernel && strcmp((*kernel)->name, name))
        kernel++;
    Opened *o = calloc(1, sizeof *o);
    if (o && *kernel)
        o->network = network_open(content, (size_t)bytes, *kernel, &reason);
    if (!o || !o->network) {
        free(o);
        return fault(reason);
    }
    PyObject *capsule = PyCapsule_New(o, NAME, close_opened);
    if (!capsule) {
        network_close(o->network);
        free(o);
    }
    return capsule;
}

static PyObject *sizes(PyObject *self, PyObject *capsule)
{
    (void)self;
    const Opened *o = PyCapsule_GetPointer(capsule, NAME);
    if (!o)
        return NULL;
    const Network *n = o->network;
    return Py_BuildValue("(iii)", n->vocabulary, n->classes, n->last_state);
}

/* An array of four-byte numbers in one piece, of one format and number of axes. */
static int get_array(PyObject *object, Py_buffer *view, char format, int axes, int flags)
{
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0)
        return 0;
    if (view->ndim == axes && view->itemsize == 4 && view->format[0] == format && !view->format[1])
        return 1;
    PyBuffer_Release(view);
    fault("arrays are int32 or float32, and in one piece");
    return 0;
}

/* Computes with four arrays that are held. */
static PyObject *run_on(Opened *o, const Py_buffer *ids, const Py_buffer *lengths,
                        const Py_buffer *places, const Py_buffer *logits, int threads)
{
    const Network *n = o->network;
    Py_ssize_t batch = ids->shape[0], length = ids->shape[1], asked = places->shape[0];
    if (batch < 1 || length < 1 || length > INT32_MAX / batch || asked > INT32_MAX)
        return fault("a batch has at least one text, and fewer than 2^31 pieces");
    if (lengths->shape[0] != batch || logits->shape[0] != (n->last_state ? batch : asked) ||
        logits->shape[1] != n->classes || (n->last_state && asked))
        return fault("the arrays do not fit each other");
    Texts texts = {ids->buf,    lengths->buf,   (int32_t)batch, (int32_t)length,
                   places->buf, (int32_t)asked, logits->buf};
    const char *rule = texts_fault(n, &texts);
    if (rule)
        return fault(rule);
    size_t bytes = network_scratch(n, texts.batch, texts.length);
    void *scratch = take_scratch(o, &bytes);
    if (!scratch)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    network_run(n, &texts, scratch, threads);
    Py_END_ALLOW_THREADS
    give_scratch(o, scratch, bytes);
    Py_RETURN_NONE;
}

/* Chooses tags with four arrays that are held. */
static PyObject *choose_of(const Py_buffer *scores, const Py_buffer *edges, const Py_buffer *legal,
                           const Py_buffer *tags)
{
    Py_ssize_t words = scores->shape[0], number = scores->shape[1], texts = edges->shape[0] - 1;
    if (number < 1 || number > INT16_MAX || words > INT32_MAX || texts < 0 || texts > INT32_MAX)
        return fault("there is at least one tag, and fewer than 2^31 words");
    if (legal->shape[0] != number + 1 || legal->shape[1] != number + 1 || tags->shape[0] != words)
        return fault("the arrays do not fit each other");
    const int32_t *edge = edges->buf;
    for (Py_ssize_t i = 0; i < texts; i++)
        if (edge[i] > edge[i + 1])
            return fault("texts are in order");
    if (edge[0] != 0 || edge[texts] != words)
        return fault("texts have all words");
    TagScores t = {scores->buf, edge, legal->buf, (int32_t)texts, (int32_t)number};
    int done;
    Py_BEGIN_ALLOW_THREADS
    done = take_tags(&t, tags->buf);
    Py_END_ALLOW_THREADS
    if (!done)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* Holds four arrays; gives how many could be held. The last one is written to. */
static int hold_arrays(PyObject *const *objects, Py_buffer *views, const char *formats,
                       const int *axes)
{
    int held = 0;
    while (held < 4 && get_array(objects[held], &views[held], formats[held], axes[held],
                                 held < 3 ? 0 : PyBUF_WRITABLE))
        held++;
    return held;
}

static PyObject *run(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *capsule, *objects[4], *done = NULL;
    Py_buffer views[4];
    int threads;
    if (!PyArg_ParseTuple(args, "OOOOOi", &capsule, &objects[0], &objects[1], &objects[2],
                          &objects[3], &threads))
        return NULL;
    Opened *o = PyCapsule_GetPointer(capsule, NAME);
    if (!o)
        return NULL;
    static const int axes[] = {2, 1, 1, 2};
    int held = hold_arrays(objects, views, "iiif", axes);
    if (held == 4)
        done = run_on(o, &views[0], &views[1], &views[2], &views[3], threads);
    while (held--)
        PyBuffer_Release(&views[held]);
    return done;
}

static PyObject *choose(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *objects[4], *done = NULL;
    Py_buffer views[4];
    if (!PyArg_ParseTuple(args, "OOOO", &objects[0], &objects[1], &objects[2], &objects[3]))
        return NULL;
    static const int axes[] = {2, 1, 2, 1};
    int held = hold_arrays(objects, views, "fiii", axes);
    if (held == 4)
        done = choose_of(&views[0], &views[1], &views[2], &views[3]);
    while (held--)
        PyBuffer_Release(&views[held]);
    return done;
}

static PyMethodDef methods[] = {
    {"kernels", kernels, METH_NOARGS, "kernels() -> names of those usable here, fastest first."},
    {"open", open_network, METH_VARARGS, "open(content, kernel) -> network, or a ValueError."},
    {"sizes", sizes, METH_O, "sizes(network) -> (vocabulary, classes, reads the last state)."},
    {"run", run, METH_VARARGS,
     "run(network, ids, lengths, places, logits, threads): logits' values."},
    {"choose", choose, METH_VARARGS, "choose(scores, edges, legal, tags): tags' values."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "_kernel",
    "The student's network in C; see network.h.",
    -1,
    methods,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModule_Create(&definition);
}
