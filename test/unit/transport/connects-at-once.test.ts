import { afterEach, beforeEach, expect, it } from 'vitest'
import { createTokens, mintToken } from '../../../src/auth/tokens.ts'
import type { NativeSocket } from '../../../src/drivers/uws.ts'
import { Newcomers } from '../../../src/transport/newcomers.ts'
import { ConnectionWorld, OPTIONS } from '../../support/connection-world.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { sluiceSocket } from '../../support/sluice-v1.ts'

/**
 * Where nothing is elsewhere nothing is waited for: the welcome has left before the handler of the frame returns, so that thousands who
 * come at once are each served in one go. A promise anywhere on the way would put each of them behind all the others.
 */
const SECRET = 'thirty-two bytes are long enough'
const clock = new ManualClock(1_700_000_000_000)
let world: ConnectionWorld
let said: string[]

beforeEach(() => {
  const events = { fetched: () => undefined, failed: () => undefined, refused: () => undefined }
  const tokens = createTokens({ jwtSecret: SECRET, clockToleranceMs: 0 }, { clock, events } as never)
  world = new ConnectionWorld({ inMemory: { check: (token, nobody) => tokens.check(token, nobody) } })
  said = []
})
afterEach(async () => {
  expect(world.failures).toEqual([])
  await world.close()
})

const socket = {
  send: (text: string) => said.push(text),
  getBufferedAmount: () => 0,
  subscribe: () => true,
  unsubscribe: () => true,
  end: (code: number) => void said.push(`closed ${code}`),
} as unknown as NativeSocket

/** What was said to it by the time that the handler of its first frame has returned. */
function connect(frame: object): string[] {
  const connection = sluiceSocket(world.ports, OPTIONS, new Newcomers(10))
  connection.opened(socket)
  connection.received(new Uint8Array(Buffer.from(JSON.stringify(frame))).buffer, false)
  const soFar = said.map((text) => (JSON.parse(text) as { type: string }).type)
  connection.gone(1006)
  return soFar
}

const token = (sub: string): Promise<string> =>
  mintToken({ secret: SECRET, sub, subscribe: ['*'], publish: [] }, clock)

it('welcomes within the handler of the frame, with a token that was never seen and with one that was', async () => {
  const one = await token('ann')
  expect(connect({ type: 'connect', token: one })).toEqual(['welcome'])
  said = []
  expect(connect({ type: 'connect', token: one })).toEqual(['welcome'])
})

it('welcomes one that comes back to its session within the handler too', async () => {
  const one = await token('ann')
  connect({ type: 'connect', token: one })
  const { session } = JSON.parse(said[0] as string) as { session: string }
  said = []
  expect(connect({ type: 'connect', token: one, session })).toEqual(['welcome'])
  expect(JSON.parse(said[0] as string)).toMatchObject({ session, resumed: true })
})
