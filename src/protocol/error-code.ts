/** What can go wrong for a peer, in one word. The sentences that explain them to people are in `errors.ts`. */
export type ErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'limit_exceeded'
  | 'rate_limited'
  | 'unavailable'
  | 'internal'
