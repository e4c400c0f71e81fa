import { expect, it } from 'vitest'
import { requestIdOf } from '../../../src/drivers/request-id.ts'

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

it('new ids have the form of a UUID, and none comes twice', () => {
  const count = 150_000
  const ids = Array.from({ length: count }, () => requestIdOf(undefined))
  expect(new Set(ids).size).toBe(count)
  expect(ids.filter((id) => !UUID.test(id))).toEqual([])
})

it('the beginning changes before its numbers begin again', () => {
  const beginnings = new Set(Array.from({ length: 150_000 }, () => requestIdOf(undefined).slice(0, -4)))
  expect(beginnings.size).toBeGreaterThan(2)
})

it.each(['', 'a b', 'a\r\nb', 'é', 'x'.repeat(129)])('%j is not taken over', (given) => {
  expect(requestIdOf(given)).toMatch(UUID)
})

it('what is fit is taken over', () => {
  expect(requestIdOf('trace-7')).toBe('trace-7')
})
