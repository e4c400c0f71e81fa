/**
 * What is published on which channels, as types: `SluiceClient<{ news: News; 'room:${string}': Chat }>`.
 */

/** A key of a map as a type of names: `${string}` in it stands for any text. */
export type Pattern<Key> = Key extends `${infer Before}\${string}${infer After}`
  ? `${Before}${string}${Pattern<After>}`
  : Key

/** The channels that a map names. */
export type ChannelIn<Map> = { [Key in keyof Map]: Pattern<Key> }[keyof Map] & string

/** What is published on a channel of a map. */
export type DataOn<Map, Name extends string> = {
  [Key in keyof Map]: Name extends Pattern<Key> ? Map[Key] : never
}[keyof Map]

/** Where a client has no map, any channel; where it has one, no other. */
export type Unmapped<Map> = unknown extends Map ? string : never
