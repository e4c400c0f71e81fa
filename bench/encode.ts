/** What turning a message into the bytes of a frame costs, once for each node however many subscribers there are. */
import { Rows, type Bench, type Outcome, type RunOptions } from './lib/bench.ts'
import { Child } from './lib/child.ts'
import { compiled } from './lib/compile.ts'
import { SERVER_CORE } from './lib/cores.ts'
import type { EncodeOptions, Way } from './loops/encode.ts'

const MESSAGES = 1_000_000
const MESSAGES_QUICK = 200_000

const LABELS: Readonly<Record<Way, string>> = {
  stringify: 'JSON.stringify of a frame, to bytes',
  reparse: 'JSON.parse of the payload, JSON.stringify of a frame, to bytes',
  webSocket: "Sluice's frame for WebSockets",
  json: "Sluice's line of JSON for streams and polls",
}

async function run({ quick, rounds }: RunOptions): Promise<Outcome> {
  const messages = quick ? MESSAGES_QUICK : MESSAGES
  const rows = new Rows()
  const child = new Child({ program: compiled('loops/encode'), core: SERVER_CORE })
  try {
    // One round more: in the first one the code is compiled.
    for (let round = 0; round <= rounds; round++) {
      for (const [way, label] of Object.entries(LABELS)) {
        const nanoseconds = await child.step<number>('encode', {
          way: way as Way,
          messages,
        } satisfies EncodeOptions)
        if (round > 0) rows.add(label, nanoseconds)
      }
    }
  } finally {
    await child.close()
  }
  return {
    arrangement: `${messages} messages of 128 bytes are turned into frames, one by one.`,
    tables: [{ caption: 'Encoding a message', unit: 'ns', per: 'message', subject: 'way', rows: rows.list }],
  }
}

export const encode: Bench = {
  name: 'encode',
  title: 'Encoding',
  peers: [],
  programs: ['loops/encode'],
  run,
}
