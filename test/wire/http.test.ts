import { afterAll, beforeAll, describe, it } from 'vitest'
import { runCase } from './http-case.ts'
import { HTTP_CASES } from './http-cases.ts'
import { UNHURRIED } from './unhurried.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

let node: StartedNode
beforeAll(async () => {
  node = await startNode(UNHURRIED)
})
afterAll(() => node.close())

describe.each(['public', 'api'] as const)('the %s listener', (listener) => {
  it.each(HTTP_CASES.filter(({ to }) => to === listener))('$name', async (one) => {
    await runCase(node, one)
  })
})
