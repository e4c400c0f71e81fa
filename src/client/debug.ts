/**
 * What crosses the wire, for people who look for a fault: every frame, without what is in it and without what opens anything.
 */
import type { Wire } from './socket.ts'
import { storeOf } from './store.ts'

const HIDDEN = /^(token|session|ticket)$/

/** Prints one frame; `undefined`: nobody wants to see them. */
export type Trace = ((direction: '→' | '←', data: unknown) => void) | undefined

/** By option, or by `localStorage.sluiceDebug = 1` in a page that is running somewhere. */
export function traceOf(debug: boolean | undefined): Trace {
  if (!(debug ?? storeOf('local')?.getItem('sluiceDebug'))) return undefined
  return (direction, data) => console.log('sluice', direction, shownFrame(data))
}

/** A frame as text, its payload and secrets as their sizes. */
export function shownFrame(data: unknown): string {
  if (typeof data !== 'string') return `binary, ${(data as Exclude<Wire, string>).byteLength} bytes`
  try {
    return JSON.stringify(JSON.parse(data), (key, value: unknown) =>
      key === 'data' || HIDDEN.test(key) ? `(${JSON.stringify(value).length})` : value,
    )
  } catch {
    return `unreadable, ${data.length} characters`
  }
}
