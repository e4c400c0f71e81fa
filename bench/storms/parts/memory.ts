/** What connections hold: in processes, and in the kernel on both sides of each, since both are on this machine. */
import { readFileSync } from 'node:fs'
import { residentBytes } from '../../lib/cores.ts'

export interface Held {
  readonly nodes: number
  readonly clients: number
  /** What the kernel keeps and cannot give back, and the buffers of TCP. */
  readonly kernel: number
}

export function held(nodes: readonly number[], clients: readonly number[]): Held {
  const resident = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + residentBytes(pid), 0)
  return { nodes: resident(nodes), clients: resident(clients), kernel: kernelBytes() }
}

/** What may be used before the system runs short. */
export function availableBytes(): number {
  return meminfoBytes('MemAvailable')
}

function kernelBytes(): number {
  const pages = /^TCP:.* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1]
  if (pages === undefined) throw new Error('/proc/net/sockstat says nothing of TCP')
  return meminfoBytes('SUnreclaim') + Number(pages) * PAGE_BYTES
}

const PAGE_BYTES = 4096

function meminfoBytes(name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync('/proc/meminfo', 'utf8'),
  )?.[1]
  if (kilobytes === undefined) throw new Error(`/proc/meminfo has no ${name}`)
  return Number(kilobytes) * 1024
}
