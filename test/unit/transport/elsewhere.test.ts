import { expect, it } from 'vitest'
import { httpUrl, webSocketUrl } from '../../../src/transport/elsewhere.ts'

it('each transport has its own address at another node', () => {
  expect(webSocketUrl('wss://eu.example:8443', '/v1/ws')).toBe('wss://eu.example:8443/v1/ws')
  expect(httpUrl('wss://eu.example:8443', '/v1/sse')).toBe('https://eu.example:8443/v1/sse')
  expect(httpUrl('ws://eu', '/v1/poll')).toBe('http://eu/v1/poll')
})
