/** What one request publishes is appended by one command of Redis, in the order of the request. */
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { comes, patientMs } from '../support/patience.ts'
import { startCluster, type StartedCluster } from '../support/start-cluster.ts'
import type { StartedNode } from '../support/start-node.ts'

const MESSAGES = 40
const TIMEOUT_MS = patientMs(60_000)

let cluster: StartedCluster
let node: StartedNode
let monitor: Monitor

beforeAll(async () => {
  cluster = await startCluster(1)
  node = cluster.nodes[0] as StartedNode
  monitor = await Monitor.open(cluster.redis.port)
}, TIMEOUT_MS)
afterAll(async () => {
  monitor.close()
  await cluster.close()
})

/** What the server executes, as it says (`MONITOR`). */
class Monitor {
  readonly #socket: Socket
  #text = ''
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake()
    })
  }

  static async open(port: number): Promise<Monitor> {
    const opened = new Monitor(connect({ port, host: '127.0.0.1' }))
    opened.#socket.write('MONITOR\r\n')
    await opened.until('+OK')
    return opened
  }

  async until(text: string): Promise<void> {
    while (!this.#text.includes(text))
      await comes(
        `"${text}" from MONITOR`,
        new Promise<void>((resolve) => (this.#wake = resolve)),
        TIMEOUT_MS / 2,
      )
  }

  /** The commands of clients that name it, and not what their scripts do. */
  commandsOn(name: string): readonly string[] {
    return this.#text.split('\r\n').filter((line) => line.includes(name) && !/ \[\d+ lua\] /.test(line))
  }

  close(): void {
    this.#socket.destroy()
  }
}

it.each([
  ['one channel', 1],
  ['several channels', 4],
])(
  'a batch for %s is one command, and its messages are in its order',
  async (what, channels) => {
    const name = `batch-${channels}`
    const of = (index: number): string => `${name}:${index % channels}`
    const messages = Array.from({ length: MESSAGES }, (_, data) => ({ channel: of(data), data }))
    const answers = (await node.publish(messages)) as readonly { offset: number }[]
    expect(answers.map(({ offset }) => offset)).toEqual(
      messages.map((_, index) => Math.floor(index / channels) + 1),
    )
    cluster.redis.command('echo', `behind ${what}`)
    await monitor.until(`behind ${what}`)
    expect(monitor.commandsOn(name).length).toBe(1)
  },
  TIMEOUT_MS,
)
