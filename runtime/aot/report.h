/* report.h - what was done of one file, and how it is said. */
#ifndef XEMU_RUNTIME_AOT_REPORT_H
#define XEMU_RUNTIME_AOT_REPORT_H

#include "runtime/aot/make.h"

typedef struct FileReport {
    bool failed;
    char why[256];
    uint32_t functions, functions_covered;
    uint64_t code_bytes, covered_bytes, padding_bytes, unread_bytes, refused_bytes;
    Made made;
    double seconds; /* of processor time */
} FileReport;

/* Counts what of the plan was made. */
void report_count(FileReport *r, const Plan *plan);
void report_line(const char *path, const FileReport *r);
/* The whole as one line of JSON. */
void report_json(char *const *paths, const FileReport *reports, unsigned n);
void report_sum(const FileReport *reports, unsigned n);
/* On a terminal, standard error shows how far it is; elsewhere nothing. */
void report_progress(unsigned done, unsigned n, const char *path);

#endif
