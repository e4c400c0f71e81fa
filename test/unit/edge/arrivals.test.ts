import { expect, it } from 'vitest'
import { Arrivals } from '../../../src/edge/arrivals.ts'
import { ClientAddress } from '../../../src/edge/origin.ts'
import type { EdgePorts } from '../../../src/edge/ports.ts'

/** Answers which addresses were asked for, and whose attempt the gate was told of. */
function arrive(
  looksAtAddresses: boolean,
  known: boolean,
): { readonly read: number; readonly of: unknown[] } {
  let read = 0
  const of: unknown[] = []
  const ports = {
    admission: {
      looksAtAddresses,
      knows: () => known,
      ask: (attempt: object, decided: (verdict: { readonly kind: 'admit' }) => void) => {
        of.push(attempt)
        decided({ kind: 'admit' })
        return { cancel() {} }
      },
    },
  } as unknown as EdgePorts
  const head = {
    get remoteAddress() {
      read++
      return '192.0.2.7'
    },
    headers: {},
  }
  new Arrivals(ports, new ClientAddress([], false)).take({
    head,
    hello: { turns: undefined, ticket: undefined },
    dialect: { converse: () => ({}) },
    onAborted() {},
    admitted: ({ address }: { readonly address: string }) => of.push(address),
    refused() {},
  } as unknown as Parameters<Arrivals['take']>[0])
  return { read, of }
}

it('the address of a client is read where something depends on it', () => {
  expect(arrive(true, false)).toEqual({
    read: 1,
    of: [{ address: '192.0.2.7', resume: false }, '192.0.2.7'],
  })
  expect(arrive(true, true)).toEqual({ read: 0, of: [{ address: '', resume: true }, ''] })
  expect(arrive(false, false)).toEqual({ read: 0, of: [{ address: '', resume: false }, ''] })
})
