/**
 * Who runs where. The server has a core to itself, so that what it spends is its own; the load has the other one.
 */
import { readdirSync, readFileSync } from 'node:fs'

export const SERVER_CORE = 0
export const LOAD_CORE = 1

/**
 * Microseconds of CPU that all threads of a process have had so far. From the scheduler's own account, which is exact
 * to the nanosecond; `utime` and `stime` of /proc/<pid>/stat move in steps of 10 ms.
 */
export function cpuMicros(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  }
  return nanoseconds / 1000
}

/** Resident bytes of a process, shared pages included. */
export function residentBytes(pid: number): number {
  return rollup(pid, 'Rss')
}

/**
 * Bytes of memory that nothing but this process has made: what it shares of its program's file depends on which other programs run
 * at this moment.
 */
export function ownBytes(pid: number): number {
  return rollup(pid, 'Pss_Anon')
}

function rollup(pid: number, name: string): number {
  const rows = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rows)?.[1]
  if (kilobytes === undefined)
    throw new Error(`/proc/${pid}/smaps_rollup shows no ${name}: is the process still there?`)
  return Number(kilobytes) * 1024
}
