/**
 * A request that one node makes to another for somebody who asked it: sealed with the cluster's secret in place of the key
 * of whoever asked, which goes nowhere. The seal covers the method, the path with its query, the body, and who asked with what
 * rights; it is good at one node, once. The answer carries a seal too: over the request that it answers, so that nothing
 * but a node of the cluster can answer, and no answer of before can be shown again.
 *
 *   Sluice-Caller  who asked, as JSON in base64url
 *   Sluice-Answer  <node> <seal>
 */
import { createHash } from 'node:crypto'
import type { NodeTokenCheck, NodeTokens } from './node-token.ts'
import { type Grant, SCOPES } from '../auth/grant.ts'
import { objectIn } from '../protocol/json.ts'
import { Seal } from '../seal.ts'

export const CALLER_HEADER = 'sluice-caller'
export const ANSWER_HEADER = 'sluice-answer'

/** What a token of a request is for; one of a link is for something else. */
const FOR_REQUEST = 'request'
const ANSWER = /^([\w-]{1,64}) ([\w-]{22})$/

/** Who asked the node that asks. */
export interface OnBehalf {
  readonly grant: Grant
  readonly requestId: string
  readonly remoteAddress: string
}

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: string
}

export interface AskedHeaders {
  readonly authorization: string
  readonly caller: string
}

/** Why a request is not of this cluster, of now, or for the first time. */
export type RequestRefusal = Exclude<NodeTokenCheck['verdict'], 'good'>

export type RequestCheck =
  | { readonly kind: 'good'; readonly from: string; readonly onBehalf: OnBehalf }
  | { readonly kind: 'refused'; readonly why: RequestRefusal }

/** Whether a request claims to be of a node, and has no API key. */
export function isNodeRequest(authorization: string | undefined): authorization is string {
  return authorization?.startsWith('Sluice-Node ') === true
}

export class NodeRequests {
  readonly #node: string
  readonly #tokens: NodeTokens
  readonly #answers: Seal

  constructor(secret: string, node: string, tokens: NodeTokens) {
    this.#node = node
    this.#tokens = tokens
    this.#answers = new Seal(secret, 'node answer')
  }

  issue(toNode: string, nowMs: number, asked: Asked, onBehalf: OnBehalf): AskedHeaders {
    const caller = Buffer.from(JSON.stringify(onBehalf)).toString('base64url')
    return { authorization: this.#tokens.issue(toNode, nowMs, ...sealed(asked, caller)), caller }
  }

  check(nowMs: number, asked: Asked, headers: Partial<AskedHeaders>): RequestCheck {
    const { authorization, caller = '' } = headers
    const { from, verdict } = this.#tokens.check(authorization, nowMs, ...sealed(asked, caller))
    if (verdict !== 'good') return { kind: 'refused', why: verdict }
    const onBehalf = onBehalfIn(caller)
    // Sealed by a node of a version that says it otherwise.
    if (from === undefined || onBehalf === undefined) return { kind: 'refused', why: 'none' }
    return { kind: 'good', from, onBehalf }
  }

  /** The header of the answer to a request with this token. */
  answer(authorization: string, status: number, body: string): string {
    return `${this.#node} ${this.#answers.sign(this.#node, authorization, String(status), hashOf(body))}`
  }

  /** Which node has answered. `undefined`: none that knows the secret, or not this request, or not this. */
  answeredBy(header: unknown, authorization: string, status: number, body: string): string | undefined {
    const [, node = '', seal = ''] = ANSWER.exec(typeof header === 'string' ? header : '') ?? []
    return this.#answers.signed(seal, node, authorization, String(status), hashOf(body)) ? node : undefined
  }
}

function sealed({ method, path, body }: Asked, caller: string): string[] {
  return [FOR_REQUEST, method, path, hashOf(body), caller]
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

function onBehalfIn(caller: string): OnBehalf | undefined {
  const { grant, requestId, remoteAddress } = objectIn(Buffer.from(caller, 'base64url').toString()) ?? {}
  const { name, scopes, namespaces } = (grant ?? {}) as Readonly<Record<string, unknown>>
  if (typeof requestId !== 'string' || typeof remoteAddress !== 'string' || typeof name !== 'string')
    return undefined
  if (!isTexts(scopes) || (namespaces !== undefined && !isTexts(namespaces))) return undefined
  // A scope of another version allows nothing here.
  const known = SCOPES.filter((scope) => scopes.includes(scope))
  return { grant: { name, scopes: known, namespaces }, requestId, remoteAddress }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
