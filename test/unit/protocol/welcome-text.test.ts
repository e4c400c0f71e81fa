import fc from 'fast-check'
import { expect, it } from 'vitest'
import { welcomeText } from '../../../src/dialect/sluice-v1/welcome-text.ts'
import type { Found } from '../../../src/session/welcome.ts'

const LIMITS = { frame: 65_536, payload: 32_768, subscriptions: 100, presenceData: 1024 }

const founds: fc.Arbitrary<Found> = fc.oneof(
  fc.record({
    position: fc.option(
      fc.record({ epoch: fc.stringMatching(/^[A-Za-z0-9]{1,32}$/), offset: fc.maxSafeNat() }),
      {
        nil: undefined,
      },
    ),
    recovered: fc.boolean(),
    error: fc.constant(undefined),
  }),
  fc.constant({ position: undefined, recovered: false, error: 'forbidden' } as const),
)

/** As an object that is printed. */
function printed(channels: ReadonlyMap<string, Found>): object {
  return Object.fromEntries(
    [...channels].map(([channel, { position, recovered, error, byBackend }]) => [
      channel,
      error === undefined
        ? { ...position, recovered, ...(byBackend === true ? { byBackend } : {}) }
        : { recovered: false, error },
    ]),
  )
}

it('is the JSON of the frame, whatever users and channels are called', () => {
  fc.assert(
    fc.property(
      fc.record({
        user: fc.string({ unit: 'binary' }),
        node: fc.string(),
        resumed: fc.boolean(),
        channels: fc.array(fc.tuple(fc.string({ unit: 'binary', minLength: 1 }), founds), { maxLength: 5 }),
        expiresAtMs: fc.option(fc.maxSafeNat(), { nil: undefined }),
      }),
      ({ user, node, resumed, channels: listed, expiresAtMs }) => {
        const id = 'q'.repeat(32)
        const channels = new Map(listed.filter(([channel]) => channel !== '__proto__'))
        const text = welcomeText(
          { id, user, identity: { expiresAtMs } },
          { node, resumed, channels, pingIntervalMs: 25_000, ticket: 'o.h.m', limits: LIMITS, refused: [] },
        )
        expect(JSON.parse(text)).toEqual({
          ...{ type: 'welcome', session: id, user, node, resumed, channels: printed(channels) },
          ...{ pingInterval: 25_000, ticket: 'o.h.m', limits: LIMITS },
          ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
        })
      },
    ),
    { numRuns: 60 },
  )
})

it('says which channels a backend has put the client on', () => {
  const channels = new Map<string, Found>([
    ['news', { position: { epoch: 'e1', offset: 7 }, recovered: true, error: undefined, byBackend: true }],
  ])
  const text = welcomeText(
    { id: 's', user: 'ann', identity: { expiresAtMs: undefined } },
    { node: 'n', resumed: false, channels, pingIntervalMs: 1, ticket: 't', limits: LIMITS, refused: [] },
  )
  expect(text).toContain('"channels":{"news":{"epoch":"e1","offset":7,"recovered":true,"byBackend":true}}')
})
