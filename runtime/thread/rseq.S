/* rseq.S - stores of the guest in critical sections (x86-64 host; see rseq.h).
 *
 * uint64_t rseq_store(CpuCritical *critical, uint64_t address, uint64_t value, uint64_t log2_size)
 *
 * The four sections of xemu, one for each size, are 32 bytes apart at critical->code. That of the
 * size is put into rseq_cs, if there still is one: cmpxchg is one instruction, after which the
 * kernel takes an interrupted thread to the section's abort address, which returns 1 as well.
 */
    .text

    .macro store size, register
    .globl rseq_begin\size
    .globl rseq_end\size
    cmpxchgq %r8, (%r9)
rseq_begin\size:
    jne rseq_lost
    mov \register, (%rsi)
rseq_end\size:
    xorl %eax, %eax
    ret
    .endm

    .globl rseq_store
    .type rseq_store, @function
rseq_store:
    movq (%rdi), %r9                /* critical->armed */
    movq 8(%rdi), %r8               /* critical->code; rseq.c asserts both */
    movl %ecx, %eax
    shll $5, %eax
    addq %rax, %r8
    movq (%r9), %rax
    testq %rax, %rax
    jz rseq_lost
    cmpl $1, %ecx
    je store1
    ja 2f
    store 0, %dl
store1:
    store 1, %dx
2:  cmpl $2, %ecx
    jne store3
    store 2, %edx
store3:
    store 3, %rdx
rseq_lost:
    movl $1, %eax
    ret
    .size rseq_store, . - rseq_store

/* The signature of AArch64 programs. Others: rseq.c copies these bytes. */
    .p2align 4
    .globl rseq_abort_code
rseq_abort_code:
    .long 0xd428bc00
    .globl rseq_abort
rseq_abort:
    movl $1, %eax
    ret
    .globl rseq_abort_end
rseq_abort_end:

    .section .note.GNU-stack, "", @progbits
