import { expect, it } from 'vitest'
import { nearest } from '../../../src/config/nearest.ts'

const KEYS = ['jwtSecret', 'jwtPublicKey', 'jwksUrl', 'cookie', 'audience']

it.each([
  ['jwtSecert', 'jwtSecret', 'two letters swapped'],
  ['jwt_secret', 'jwtSecret', 'another way of joining words'],
  ['JWT-SECRET', 'jwtSecret', 'another case'],
  ['jwksURL', 'jwksUrl', 'another case within'],
  ['cooky', 'cookie', 'a letter replaced and one missing'],
  ['audence', 'audience', 'a letter missing'],
  ['audiencee', 'audience', 'a letter too many'],
])('%s means %s: %s', (written, meant) => {
  expect(nearest(written, KEYS)).toBe(meant)
})

it.each(['port', 'x', '', 'redis', 'jwt'])('%j means none of them', (written) => {
  expect(nearest(written, KEYS)).toBeUndefined()
})

it('the nearer of two is meant', () => {
  expect(nearest('payloads', ['payloadX', 'payload'])).toBe('payloadX')
  expect(nearest('burst', ['bursts', 'burst'])).toBe('burst')
})
