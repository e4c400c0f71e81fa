/** Reads what a shared object asks of the C library (ELF, little endian, 32 or 64 bits). */

const SHT_GNU_VERNEED = 0x6ffffffe

interface Section {
  readonly type: number
  readonly offset: number
  readonly link: number
}

/** The greatest version of glibc among the version needs (`.gnu.version_r`). */
export function leastGlibcOf(file: Buffer): string {
  const sections = sectionsOf(file)
  const needs = sections.find(({ type }) => type === SHT_GNU_VERNEED)
  if (needs === undefined) throw new Error('the file has no version needs')
  const names = (sections[needs.link] as Section).offset
  const versions: [number, number][] = []
  for (let at = needs.offset, last = false; !last;) {
    for (let entry = at + file.readUInt32LE(at + 8), end = false; !end;) {
      const start = names + file.readUInt32LE(entry + 8)
      const name = file.toString('latin1', start, file.indexOf(0, start))
      const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(name) ?? []
      if (major !== undefined) versions.push([Number(major), Number(minor)])
      const next = file.readUInt32LE(entry + 12)
      end = next === 0
      entry += next
    }
    const next = file.readUInt32LE(at + 12)
    last = next === 0
    at += next
  }
  const greatest = versions.sort((a, b) => b[0] - a[0] || b[1] - a[1])[0]
  if (greatest === undefined) throw new Error('the file needs no glibc')
  return greatest.join('.')
}

function sectionsOf(file: Buffer): readonly Section[] {
  const wide = file[4] === 2
  const table = wide ? Number(file.readBigUInt64LE(40)) : file.readUInt32LE(32)
  const size = file.readUInt16LE(wide ? 58 : 46)
  return Array.from({ length: file.readUInt16LE(wide ? 60 : 48) }, (_, index) => {
    const at = table + index * size
    return {
      type: file.readUInt32LE(at + 4),
      offset: wide ? Number(file.readBigUInt64LE(at + 24)) : file.readUInt32LE(at + 16),
      link: file.readUInt32LE(at + (wide ? 40 : 24)),
    }
  })
}
