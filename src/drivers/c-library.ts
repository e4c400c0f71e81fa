/**
 * Functions of the C library that neither Node.js nor uWebSockets.js offers. The only module that touches koffi, which is
 * loaded when something is asked for: commands of the command line need none of it.
 */
import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'

/** By the declarations, as in C. Answers why there are none. */
export function cFunctions<T>(declarations: Readonly<Record<keyof T, string>>): T | string {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
    // Of the program itself: the C library is loaded already, under whatever name.
    const library = koffi.load(null)
    const entries = Object.entries<string>(declarations)
    return Object.fromEntries(entries.map(([name, text]) => [name, library.func(text)])) as unknown as T
  } catch (error) {
    return `koffi cannot call the C library: ${error instanceof Error ? error.message : String(error)}`
  }
}
