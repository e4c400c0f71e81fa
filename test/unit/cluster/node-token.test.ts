import { describe, expect, it } from 'vitest'
import { NodeTokens } from '../../../src/cluster/node-token.ts'

const SECRET = 'a secret of the cluster'
const NOW = 1_700_000_000_000

describe('the token of a node', () => {
  const token = new NodeTokens(SECRET, 'one').issue('two', NOW, 'link')

  it.each([0, 59_000, -59_000])('names who asks, also where the clock differs by %i ms', (ms) => {
    expect(new NodeTokens(SECRET, 'two').check(token, NOW + ms, 'link')).toEqual({
      from: 'one',
      verdict: 'good',
    })
  })

  it('does not hold the secret', () => {
    expect(token).not.toContain(SECRET)
  })

  it('is good once', () => {
    const two = new NodeTokens(SECRET, 'two')
    expect(two.check(token, NOW, 'link').verdict).toBe('good')
    expect(two.check(token, NOW, 'link')).toEqual({ from: 'one', verdict: 'replayed' })
    expect(two.check(token, NOW + 1000, 'link').verdict).toBe('replayed')
  })

  it('is another one each time, in the same millisecond too', () => {
    const [one, two] = [new NodeTokens(SECRET, 'one'), new NodeTokens(SECRET, 'two')]
    for (let i = 0; i < 3000; i++)
      expect(two.check(one.issue('two', NOW, 'link'), NOW, 'link').verdict).toBe('good')
  })

  it('is good for what it was made for, and each part of that', () => {
    const two = new NodeTokens(SECRET, 'two')
    const issued = new NodeTokens(SECRET, 'one').issue('two', NOW, 'POST', '/v1/drain')
    for (const what of [['GET', '/v1/drain'], ['POST', '/v1/drai', 'n'], ['POST'], [], ['POST/v1/drain']])
      expect(two.check(issued, NOW, ...what).verdict).toBe('secret')
    expect(two.check(issued, NOW, 'POST', '/v1/drain').verdict).toBe('good')
  })

  it.each([
    ['of another secret', 'secret', new NodeTokens('another', 'two'), token, NOW],
    ['for another node', 'secret', new NodeTokens(SECRET, 'three'), token, NOW],
    ['of long ago', 'clock', new NodeTokens(SECRET, 'two'), token, NOW + 61_000],
    ['of the future', 'clock', new NodeTokens(SECRET, 'two'), token, NOW - 61_000],
    ['with another sender', 'secret', new NodeTokens(SECRET, 'two'), token.replace('one', 'odd'), NOW],
    [
      'with another time',
      'secret',
      new NodeTokens(SECRET, 'two'),
      token.replace(String(NOW), String(NOW + 1)),
      NOW,
    ],
    ['with another number', 'secret', new NodeTokens(SECRET, 'two'), token.replace(' 1 ', ' 2 '), NOW],
    ['cut short', 'none', new NodeTokens(SECRET, 'two'), token.slice(0, -1), NOW],
    ['of another scheme', 'none', new NodeTokens(SECRET, 'two'), 'Bearer x', NOW],
    ['that is missing', 'none', new NodeTokens(SECRET, 'two'), undefined, NOW],
  ] as const)('%s opens nothing, for the reason %s', (_what, verdict, node, shown, nowMs) => {
    expect(node.check(shown, nowMs, 'link').verdict).toBe(verdict)
  })
})
