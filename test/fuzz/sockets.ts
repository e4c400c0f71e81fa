/** A real gateway, over sockets: hostile connections beside honest ones. */
import { Honest } from './honest.ts'
import { NodeProcess } from './node-process.ts'
import { Random } from './random.ts'
import { tellBroken, type Tally } from './readers.ts'
import { exchange, handshake, httpRequest, rightFrame, wireMessage } from './wire.ts'

const AT_ONCE = 64
const MESSAGES_MAX = 12
/** Until caches and pools are as large as they get. */
const WARM_UP = 1000
/** What a node keeps after it was warm is bounded; more than this is a leak. */
const GROWTH_BYTES_MAX = 268_435_456
const SETTLE_TRIES = 300
const SETTLE_MS = 100

export interface NodeOutcome {
  readonly lost: number
  readonly falls: number
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export async function fuzzNode(inputs: number, seed: number, tally: Tally): Promise<NodeOutcome> {
  const node = await NodeProcess.start()
  const honest = new Honest()
  await honest.connect(node)
  const random = new Random(seed)
  const token = await node.token('hostile')
  let bytesBefore = 0
  const resident = (): Promise<number> => node.metric('process_resident_memory_bytes')
  let done = 0
  try {
    while (done < inputs && !node.fallen) {
      const left = inputs - done
      const connections = Array.from({ length: Math.min(AT_ONCE, left) }, () =>
        hostile(node, new Random(random.next()), token, Math.max(1, Math.floor(left / AT_ONCE)), tally),
      )
      for (const count of await Promise.all(connections)) done += count
      await honest.hear(node)
      if (bytesBefore === 0 && done >= Math.min(WARM_UP, inputs / 2)) bytesBefore = await resident()
    }
    await settled(node, honest.connections, tally)
    const faults = await node.metric('sluice_faults_total')
    if (faults > 0) tellBroken(tally, `the gateway met ${faults} faults of its own`)
    const bytesAfter = await resident()
    if (bytesAfter - bytesBefore > GROWTH_BYTES_MAX) tellBroken(tally, 'the memory of the gateway has grown')
    return { lost: honest.lost, falls: Number(node.fallen), bytesBefore, bytesAfter }
  } catch (error) {
    tellBroken(tally, `the gateway does not serve: ${error instanceof Error ? error.message : String(error)}`)
    return { lost: honest.lost, falls: Number(node.fallen), bytesBefore, bytesAfter: 0 }
  } finally {
    honest.end()
    await node.stop()
  }
}

/** One connection with up to so many inputs; answers how many there were. */
async function hostile(
  node: NodeProcess,
  random: Random,
  token: string,
  inputsMax: number,
  tally: Tally,
): Promise<number> {
  let inputs = 1
  let decoded = 0
  if (random.oneIn(3)) {
    const listener = random.pick(['public', 'api'] as const)
    const port = listener === 'public' ? node.port : node.apiPort
    const answer = await exchange(port, random, httpRequest(random, listener, token))
    decoded = Number(/^HTTP\/1\.1 [23]/.test(answer.toString('latin1')))
  } else {
    inputs = Math.min(1 + random.int(MESSAGES_MAX), inputsMax)
    const messages = Array.from({ length: inputs }, () => wireMessage(random))
    const connect = random.oneIn(3) ? [] : [rightFrame(random, JSON.stringify({ type: 'connect', token }))]
    const bytes = await exchange(node.port, random, handshake(random), [...connect, ...messages])
    const answer = bytes.toString('latin1')
    const replies = answer.match(/"type":"(?!error|welcome)/g)?.length ?? 0
    decoded = Math.min(replies, inputs)
  }
  tally.inputs += inputs
  tally.decoded += decoded
  tally.refused += inputs - decoded
  return inputs
}

/** Whoever has gone is forgotten. */
async function settled(node: NodeProcess, honest: number, tally: Tally): Promise<void> {
  let connections = 0
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    connections = await node.metric('sluice_connections')
    if (connections === honest) return
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  }
  tellBroken(tally, `the gateway counts ${connections} connections where there are ${honest}`)
}
