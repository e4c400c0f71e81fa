/**
 * The program of the watchdog: started by the alarm when a loop has not put it off in time, it writes what is known of that process and ends.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { REPORTS_MAX, statFields, tell, threadState } from './stall-report.ts'
import { BEAT_MS, CELL } from './watchdog-cells.ts'
import { countReport, machineMs, readLeft } from './watchdog-file.ts'

/** proc(5): `sysconf(_SC_CLK_TCK)`, which is this wherever Node.js runs. */
const TICKS_PER_SECOND = 100
/** So long a loop that turns shows itself, be the machine busy. */
const LOOK_MS = 2 * BEAT_MS
const KIB = 1024

const [file = -1, output = -1] = process.argv.slice(2).map(Number)

const first = readLeft(file)
// A process that was stopped as a whole and goes on has shown that it turns, or is about to.
if (isStill(first.beatMs)) setTimeout(look, LOOK_MS)

function isStill(beatMs: number): boolean {
  return machineMs() - beatMs >= first.watched.stillMs
}

function look(): void {
  const { cells, beatMs, reports, watched } = readLeft(file)
  const { pid, directory, bindings } = watched
  const turns = Atomics.load(cells, CELL.beat) !== Atomics.load(first.cells, CELL.beat)
  // Where it has ended, somebody else is our parent.
  if (turns || reports >= REPORTS_MAX || process.ppid !== pid) return
  countReport(file, reports + 1)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  tell({
    ...{ forMs: machineMs() - beatMs, pid, cells, directory, bindings, output },
    ...{ rss: kibOf(status, 'VmRSS') * KIB, report: reportOf(pid, status) },
  })
}

/** The machine and the limits are the same for this process, which was started by the other one. */
function reportOf(pid: number, status: string): object {
  const { header, userLimits } = process.report.getReport() as unknown as {
    readonly header: Readonly<Record<string, unknown>>
    readonly userLimits: object
  }
  const { commandLine: _command, processId: _id, threadId: _thread, cwd: _folder, ...machine } = header
  const [, , , , , , , minor, , major, , user, system] = statFields(
    readFileSync(`/proc/${pid}/stat`, 'utf8'),
  ).map(Number)
  return {
    header: { ...machine, processId: pid },
    userLimits,
    resourceUsage: {
      userCpuSeconds: (user ?? 0) / TICKS_PER_SECOND,
      kernelCpuSeconds: (system ?? 0) / TICKS_PER_SECOND,
      maxRss: kibOf(status, 'VmHWM') * KIB,
      pageFaults: { IORequired: major, IONotRequired: minor },
    },
    threads: readdirSync(`/proc/${pid}/task`).map((id) => ({
      id: Number(id),
      ...threadState(pid, Number(id)),
    })),
  }
}

function kibOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
}
