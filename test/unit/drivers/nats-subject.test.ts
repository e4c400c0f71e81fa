import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { subjectOf } from '../../../src/drivers/nats-subject.ts'
import { isChannel } from '../../../src/protocol/channel.ts'

/** Near the edges: dots, wildcards, escapes, lone surrogates, whatever a user is called. */
const name = fc.oneof(
  fc.string({
    unit: fc.constantFrom('.', '*', '>', '%', ' ', 'a', '@', '0', '2', 'e', '\n', '\0', 'é', '🚰', '\ud800'),
  }),
  fc.string({ unit: 'binary' }),
)

/** Less than what a server takes: visible ASCII without wildcards, in tokens that are not empty. */
const SUBJECT = /^(?:(?![*>.])[!-~])+(?:\.(?:(?![*>.])[!-~])+)*$/

/** The other way, for the test: only an injective encoding has one. */
function nameOf(subject: string): string {
  const rest = subject.slice('p.'.length)
  if (rest === '%') return ''
  return rest.replaceAll(/%([0-9a-f]{4})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

describe('the subject of a name', () => {
  it('is the name as it stands where the name is a public channel', () => {
    const channel = fc
      .stringMatching(/^[\w\-:/=+$][\w\-:@/=+$]{0,20}(?:\.[\w\-:@/=+$]{1,9}){0,9}$/)
      .filter(isChannel)
    fc.assert(fc.property(channel, (public_) => subjectOf('sluice.ch', public_) === `sluice.ch.${public_}`))
  })

  it('is one that every NATS server takes, whatever the name', () => {
    fc.assert(
      fc.property(name, (any) => SUBJECT.test(subjectOf('p', any))),
      { numRuns: 1000 },
    )
  })

  it('is of one name only', () => {
    fc.assert(
      fc.property(name, (any) => nameOf(subjectOf('p', any)) === any),
      { numRuns: 1000 },
    )
  })

  it('of odd names is as documented', () => {
    expect(
      ['', '.', '..', 'a..b', 'a.', 'a b', '*', 'a.>', '%0020', '@alice'].map((odd) => subjectOf('p', odd)),
    ).toEqual([
      'p.%',
      'p.%002e',
      'p.%002e%002e',
      'p.a%002e.b',
      'p.a%002e',
      'p.a%0020b',
      'p.%002a',
      'p.a.%003e',
      'p.%00250020',
      'p.@alice',
    ])
  })
})
