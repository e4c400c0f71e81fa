/** The end of a run: what is last on each channel arrives everywhere, and nodes say what they have and know. */
import type { HistoryWriter } from '../history.ts'
import { patientMs } from '../../support/patience.ts'
import { API_KEY, API_PORT } from '../layout.ts'
import type { LoadClient } from './client.ts'
import type { SdkLoadClient } from './sdk-client.ts'

const LOOK_EVERY_MS = 100
const READ_MS = patientMs(10_000)
const READ_TRIES = 5
const READ_MESSAGES = 1000

/** Waits for something to become 0, as long as it still changes. Answers whether it did. */
export async function falls(look: () => number, stillMs: number): Promise<boolean> {
  let lowest = look()
  let leftMs = stillMs
  while (lowest > 0 && leftMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const now = look()
    leftMs = now < lowest ? stillMs : leftMs - LOOK_EVERY_MS
    lowest = Math.min(lowest, now)
  }
  return lowest === 0
}

interface LogAnswer {
  readonly head: { readonly epoch: string; readonly offset: number }
  readonly messages: readonly { readonly offset: number; readonly data: { readonly n: number } }[]
}

/** The newest entries of a channel's log as a gateway reads them. */
export async function readLog(history: HistoryWriter, node: string, channel: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const path = `/v1/channels/${encodeURIComponent(channel)}/messages?last=${READ_MESSAGES}&limit=${READ_MESSAGES}`
      const answer = await fetch(`http://${node}:${API_PORT}${path}`, {
        headers: { authorization: `Bearer ${API_KEY}` },
        signal: AbortSignal.timeout(READ_MS),
      })
      const text = await answer.text()
      if (answer.status !== 200) throw new Error(`${channel} at ${node}: ${text}`)
      const { head, messages } = JSON.parse(text) as LogAnswer
      const entries = messages.map(({ offset, data }) => [offset, data.n] as const)
      history.write({ kind: 'log', node, channel, epoch: head.epoch, offset: head.offset, entries })
      return
    } catch (error) {
      if (tries === READ_TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS * 10))
    }
  }
}

/** Asks until the answer is right, or does not change any more, and writes it down. */
export async function askPresence(
  history: HistoryWriter,
  asker: SdkLoadClient,
  channel: string,
  clients: readonly LoadClient[],
  stillMs: number,
): Promise<void> {
  const there = clients.filter(({ options }) => options.channels.includes(channel))
  const expected = [...new Set(there.map(({ options }) => options.user))].toSorted()
  let users: string[] = []
  const ask = async (): Promise<void> => {
    try {
      users = [...new Set(await asker.sdk.presence(channel))].toSorted()
    } catch {
      // Between two connections; what was known stays, and is judged if nothing better comes.
    }
  }
  await ask()
  for (let leftMs = stillMs; leftMs > 0 && users.join() !== expected.join();) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS * 5))
    const before = users.join()
    await ask()
    leftMs = users.join() === before ? leftMs - LOOK_EVERY_MS * 5 : stillMs
  }
  history.write({ kind: 'present', client: asker.options.name, channel, users, expected })
}
