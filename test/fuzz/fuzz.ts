/** All of it: the readers first, then the gateway, and one line that says how it went. */
import { fuzzReaders, newTally } from './readers.ts'
import { fuzzNode } from './sockets.ts'

/** Of so many inputs one goes over a socket, where it costs some hundred times as much. */
const SOCKET_SHARE = 200
const SOCKET_INPUTS_MIN = 1000
const STEP = 500_000

export interface FuzzResult {
  readonly line: string
  /** The first sentences. */
  readonly broken: readonly string[]
  readonly kept: boolean
}

export async function fuzz(
  inputs: number,
  seed: number,
  tell: (progress: string) => void,
): Promise<FuzzResult> {
  const tally = newTally()
  const overSockets = Math.min(Math.max(Math.floor(inputs / SOCKET_SHARE), SOCKET_INPUTS_MIN), inputs)
  const forReaders = inputs - overSockets
  // What is compiled and kept for good is there after the first inputs.
  await fuzzReaders(Math.min(STEP / 10, forReaders), seed, newTally())
  const readersBefore = process.memoryUsage().rss
  for (let done = 0; done < forReaders; done += STEP) {
    await fuzzReaders(Math.min(STEP, forReaders - done), seed + done, tally)
    tell(`fuzz: ${tally.inputs} inputs, ${tally.brokenCount} promises broken`)
  }
  const readersAfter = process.memoryUsage().rss
  const node = await fuzzNode(overSockets, seed, tally)
  const kept = tally.brokenCount === 0 && node.lost === 0 && node.falls === 0
  const line = [
    `fuzz: ${tally.inputs} inputs (seed ${seed}, ${overSockets} or more of them over sockets)`,
    `${tally.decoded} decoded`,
    `${tally.refused} refused`,
    `${tally.brokenCount} promises broken`,
    `${node.lost} connections lost that should live`,
    `${node.falls} falls`,
    `memory before and after: readers ${mib(readersBefore)} and ${mib(readersAfter)}, gateway ${mib(node.bytesBefore)} and ${mib(node.bytesAfter)}`,
  ].join(', ')
  return { line, broken: tally.broken, kept }
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`
}
