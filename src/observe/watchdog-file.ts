/**
 * What the loop leaves in the file of the alarm: the program that is started for it knows the gateway by nothing else.
 */
import { readSync, writeSync } from 'node:fs'
import { CELLS } from './watchdog-cells.ts'

export interface Watched {
  readonly pid: number
  readonly stillMs: number
  readonly directory: string
  readonly bindings: object
}

/** The cells, the moment of the last beat, how many reports there are, and from then on who is watched, as JSON. */
const AT = { cells: 0, beatMs: 280, reports: 288, watched: 296 }
const FILE_BYTES_MAX = 65_536

/** Of the machine: the same for all its processes (`CLOCK_MONOTONIC`). */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

export function leaveWatched(file: number, watched: Watched): void {
  writeSync(file, JSON.stringify(watched), AT.watched)
}

/** Answers what is to be called at each beat; it makes nothing. */
export function leaveBeats(file: number): (cells: Int32Array) => void {
  const moment = new Float64Array(1)
  return (cells) => {
    moment[0] = machineMs()
    writeSync(file, cells, 0, cells.byteLength, AT.cells)
    writeSync(file, moment, 0, moment.byteLength, AT.beatMs)
  }
}

export interface Left {
  readonly cells: Int32Array
  readonly beatMs: number
  readonly reports: number
  readonly watched: Watched
}

export function readLeft(file: number): Left {
  const bytes = Buffer.alloc(FILE_BYTES_MAX)
  const length = readSync(file, bytes, 0, FILE_BYTES_MAX, 0)
  return {
    cells: new Int32Array(bytes.buffer, bytes.byteOffset + AT.cells, CELLS),
    beatMs: bytes.readDoubleLE(AT.beatMs),
    reports: bytes.readInt32LE(AT.reports),
    watched: JSON.parse(bytes.toString('utf8', AT.watched, length)) as Watched,
  }
}

export function countReport(file: number, reports: number): void {
  writeSync(file, Int32Array.of(reports), 0, Int32Array.BYTES_PER_ELEMENT, AT.reports)
}
