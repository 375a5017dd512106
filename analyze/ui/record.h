/*
 * heapdump record: runs a program with the sampler preloaded.
 */
#ifndef HEAPDUMP_UI_RECORD_H
#define HEAPDUMP_UI_RECORD_H

/*
 * argv[0] is "record". Replaces this process by the program; returns only where that fails, with the exit status: 2 usage, or
 * nothing to preload; 126 the program cannot be run; 127 there is no such program (as env(1) has them).
 */
int record_main(int argc, char **argv);

void record_help(void);

#endif
