/**
 * Keeps what a native library prints out of standard output, which belongs to the log and to answers in JSON.
 */
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { cFunctions } from './c-library.ts'

interface Descriptors {
  dup(fd: number): number
  dup2(from: number, to: number): number
}

const DESCRIPTORS = { dup: 'int dup(int)', dup2: 'int dup2(int, int)' }
const STDOUT = 1

/**
 * Runs it, and what it prints goes nowhere: for calls of a few microseconds that end before they return. The log is
 * written by this thread, so none of it can fall in between. Where the C library cannot be called it is printed.
 */
export function withoutOutput(run: () => void): void {
  const calls = cFunctions<Descriptors>(DESCRIPTORS)
  const kept = typeof calls === 'string' ? -1 : calls.dup(STDOUT)
  // Closed from the start: nothing can be printed there.
  if (typeof calls === 'string' || kept < 0) {
    run()
    return
  }
  const nowhere = openSync(devNull, 'w')
  calls.dup2(nowhere, STDOUT)
  try {
    run()
  } finally {
    calls.dup2(kept, STDOUT)
    closeSync(kept)
    closeSync(nowhere)
  }
}
