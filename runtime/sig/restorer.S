/* Return of the host's signal handlers (x86-64): the kernel wants the program's own. */
    .text
    .globl signal_host_restorer
    .type signal_host_restorer, @function
signal_host_restorer:
    movl $15, %eax                  /* rt_sigreturn */
    syscall
    hlt
    .size signal_host_restorer, . - signal_host_restorer
    .section .note.GNU-stack, "", @progbits
