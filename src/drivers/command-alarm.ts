/**
 * A program that is started unless somebody keeps putting it off, by a timer of the C library and not of the event loop: so it starts when
 * the loop stands still, too, and until then costs nothing. `timer_create(2)` calls a function with one argument, in a thread that the C
 * library makes then, and `system(3)` is such a function.
 *
 * While the program runs, `system` has the process ignore SIGINT and SIGQUIT, which a loop that stands still would not have heard.
 */
import { closeSync, existsSync } from 'node:fs'
import { cFunctions } from './c-library.ts'

export interface CommandAlarm {
  /** A file in memory, for what the program is to know: it has it open by the same number. */
  readonly file: number
  putOff(): void
  cancel(): void
}

interface Calls {
  dlsym(handle: number, name: string): bigint | number
  strdup(text: string): bigint | number
  memfd_create(name: string, flags: number): number
  dup(fd: number): number
  timer_create(clock: number, event: Uint8Array, timer: Uint8Array): number
  timer_settime(timer: bigint, flags: number, value: Uint8Array, before: null): number
  timer_delete(timer: bigint): number
}

const CALLS = {
  dlsym: 'uintptr_t dlsym(uintptr_t, const char *)',
  strdup: 'uintptr_t strdup(const char *)',
  memfd_create: 'int memfd_create(const char *, unsigned int)',
  dup: 'int dup(int)',
  timer_create: 'int timer_create(int, void *, void *)',
  timer_settime: 'int timer_settime(uintptr_t, int, void *, void *)',
  timer_delete: 'int timer_delete(uintptr_t)',
}

const SHELL = '/bin/sh'
const STDOUT = 1
/** <linux/time.h>, <asm-generic/siginfo.h>, and `RTLD_DEFAULT` of <dlfcn.h>. */
const CLOCK_MONOTONIC = 1
const SIGEV_THREAD = 2
const ANY_LIBRARY = 0
/** Where `struct sigevent` and `struct itimerspec` have what, and how large they are: on machines of 64 bits only. */
const MACHINES = ['x64', 'arm64']
const EVENT = { bytes: 64, argument: 0, notify: 12, call: 16 }
const SPAN = { bytes: 32, seconds: 16, nanoseconds: 24 }
const WORD_BYTES = 8

/**
 * `script`: for this Node.js; its arguments are the numbers of the file and of what is standard output now. It is started once `afterMs` have
 * passed in which nobody put it off, and again only after it was. Answers why it cannot be.
 */
export function commandAlarm(script: string, afterMs: number): CommandAlarm | string {
  if (process.platform !== 'linux' || !MACHINES.includes(process.arch))
    return `this needs Linux on ${MACHINES.join(' or ')}, not ${process.platform} ${process.arch}`
  if (!existsSync(SHELL)) return `there is no ${SHELL}`
  const calls = cFunctions<Calls>(CALLS)
  if (typeof calls === 'string') return calls
  // Neither is closed where a program is started, as all others are: whatever Node.js opens.
  const file = calls.memfd_create('sluice-alarm', 0)
  const output = calls.dup(STDOUT)
  if (file < 0 || output < 0) {
    for (const fd of [file, output]) if (fd >= 0) closeSync(fd)
    return 'there is no file in memory, or no standard output'
  }
  const words = [process.execPath, script].map(quoted).join(' ')
  // What the gateway was started with is for the gateway.
  const command = BigInt(calls.strdup(`unset NODE_OPTIONS; exec ${words} ${file} ${output}`))
  const timer = timerFor(calls, command)
  if (timer === undefined) return 'the C library has no timer that calls `system`'
  const span = Buffer.alloc(SPAN.bytes)
  span.writeBigInt64LE(BigInt(Math.floor(afterMs / 1000)), SPAN.seconds)
  span.writeBigInt64LE(BigInt(Math.round((afterMs % 1000) * 1e6)), SPAN.nanoseconds)
  return {
    file,
    putOff: () => void calls.timer_settime(timer, 0, span, null),
    // The program may be about to start: what it needs ends with this process.
    cancel: () => void calls.timer_delete(timer),
  }
}

function timerFor(calls: Calls, command: bigint): bigint | undefined {
  const system = BigInt(calls.dlsym(ANY_LIBRARY, 'system'))
  if (system === 0n) return undefined
  const event = Buffer.alloc(EVENT.bytes)
  event.writeBigUInt64LE(command, EVENT.argument)
  event.writeInt32LE(SIGEV_THREAD, EVENT.notify)
  event.writeBigUInt64LE(system, EVENT.call)
  const timer = Buffer.alloc(WORD_BYTES)
  return calls.timer_create(CLOCK_MONOTONIC, event, timer) === 0 ? timer.readBigUInt64LE() : undefined
}

/** As one word of the shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
