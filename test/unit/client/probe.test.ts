import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ClientError } from '../../../src/client/errors.ts'
import { probe } from '../../../src/client/probe.ts'

/** A client whose gateway answers as it is told. */
class FakeClient {
  state = 'connected'
  readonly asked: object[] = []
  readonly listeners = new Set<() => void>()
  answers: ({ pause?: number } | ClientError)[] = []

  on(_event: 'welcome', listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  ask(request: object): Promise<unknown> {
    this.asked.push(request)
    const answer = this.answers.shift()
    if (answer instanceof ClientError) return Promise.reject(answer)
    return answer === undefined ? new Promise(() => undefined) : Promise.resolve(answer)
  }
}

describe('a probe', () => {
  let client: FakeClient
  beforeEach(() => {
    vi.useFakeTimers()
    client = new FakeClient()
  })
  afterEach(() => void vi.useRealTimers())

  it('asks again at once where there was a message, and after the pause where there is one', async () => {
    client.answers = [{}, { pause: 40_000 }]
    probe(client, 'news', { share: 1 })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(client.asked).toEqual([
      { type: 'probe', channel: 'news' },
      { type: 'probe', channel: 'news' },
    ])
    await vi.advanceTimersByTimeAsync(39_999 - 30_000)
    expect(client.asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(80_000)
    expect(client.asked).toHaveLength(3)
  })

  it('rests after a refusal until the next connection', async () => {
    client.answers = [new ClientError('bad_request', 'no such frame')]
    probe(client, 'news', { share: 1 })
    await vi.advanceTimersByTimeAsync(600_000)
    expect(client.asked).toHaveLength(1)
    for (const welcome of client.listeners) welcome()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(client.asked).toHaveLength(2)
  })

  it('ends when it is told to, and takes part by chance', async () => {
    const stop = probe(client, 'news', { share: 1 })
    stop()
    for (const _ of Array.from({ length: 100 })) probe(client, 'news', { share: 0 })
    await vi.advanceTimersByTimeAsync(600_000)
    expect(client.asked).toEqual([])
    expect(client.listeners.size).toBe(0)
  })
})
