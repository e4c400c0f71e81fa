/** What a run spends its time on: by the clock, and by the processor, which tells the same on a busy machine. */
import { readdirSync, readFileSync } from 'node:fs'

/** `USER_HZ`, which is this on every Linux. */
const TICKS_PER_SECOND = 100
/** Fields of `/proc/PID/stat`, counted behind the name, which may have spaces in it: of itself, and of its children that have ended. */
const PARENT = 1
const OWN = [11, 12] as const
const ENDED = [13, 14] as const

export class Stages {
  readonly #rows: { readonly name: string; readonly seconds: number; readonly cpu: number }[] = []
  #nowMs = performance.now()
  #cpu = cpuOfChildren()

  /** A stage ends here, and the next one begins. */
  done(name: string): void {
    const nowMs = performance.now()
    const cpu = cpuOfChildren()
    this.#rows.push({ name, seconds: (nowMs - this.#nowMs) / 1000, cpu: cpu - this.#cpu })
    this.#nowMs = nowMs
    this.#cpu = cpu
  }

  /** A line for each stage, and one for all of them. */
  table(): string {
    const seconds = this.#rows.reduce((sum, row) => sum + row.seconds, 0)
    const cpu = this.#rows.reduce((sum, row) => sum + row.cpu, 0)
    const rows = [...this.#rows, { name: 'in all', seconds, cpu }].map((row) => {
      const share = `${Math.round((100 * row.seconds) / seconds)} %`.padStart(5)
      return `${row.seconds.toFixed(1).padStart(5)} s  ${share}  ${row.cpu.toFixed(1).padStart(5)} s of processor  ${row.name}`
    })
    return rows.join('\n')
  }
}

/** User and system, in seconds, of all processes that this one has started, and that these have. */
function cpuOfChildren(): number {
  const all = readdirSync('/proc').flatMap((pid) => {
    const fields = /^\d+$/.test(pid) ? statOf(pid) : undefined
    return fields === undefined ? [] : [{ pid, fields }]
  })
  const sum = (fields: readonly number[], which: readonly number[]): number =>
    which.reduce((ticks, at) => ticks + (fields[at] ?? 0), 0)
  const below = (parent: string): number =>
    all
      .filter(({ fields }) => fields[PARENT] === Number(parent))
      .reduce((ticks, { pid, fields }) => ticks + sum(fields, [...OWN, ...ENDED]) + below(pid), 0)
  const self = String(process.pid)
  return (sum(statOf(self) ?? [], ENDED) + below(self)) / TICKS_PER_SECOND
}

function statOf(pid: string): number[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}
