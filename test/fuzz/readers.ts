/** The readers at full speed: each input goes to one of them, drawn by chance, and every promise that is broken is told. */
import { Random } from './random.ts'
import { TARGETS } from './targets.ts'

/** What is broken is told with the seed of its input, so that one input can be looked at. */
const TOLD_MAX = 20

export interface Tally {
  inputs: number
  decoded: number
  refused: number
  /** One sentence each, the first of them. */
  readonly broken: string[]
  brokenCount: number
}

export function newTally(): Tally {
  return { inputs: 0, decoded: 0, refused: 0, broken: [], brokenCount: 0 }
}

export function tellBroken(tally: Tally, sentence: string): void {
  tally.brokenCount++
  if (tally.broken.length < TOLD_MAX) tally.broken.push(sentence)
}

/** `inputs` from the seed on. */
export async function fuzzReaders(inputs: number, seed: number, tally: Tally): Promise<void> {
  const chance = new Random(seed)
  for (let input = 0; input < inputs; input++) {
    const own = chance.next()
    const random = new Random(own)
    const target = random.pick(TARGETS)
    tally.inputs++
    try {
      const outcome = target.run(random)
      tally[typeof outcome === 'string' ? outcome : await outcome]++
    } catch (error) {
      const what = error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : String(error)
      tellBroken(tally, `${target.name} (input ${own}): ${what}`)
    }
  }
}
