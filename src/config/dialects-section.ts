/**
 * The options of other wire protocols; each is spoken where its section is there.
 */
import { flag, option, optionalSection, section } from './option.ts'

export function dialectsSection() {
  return section('Wire protocols of others, beside our own.', {
    centrifuge: optionalSection('The protocol of Centrifuge and Centrifugo. Absent: it is not spoken.', {
      serverApi: option(flag(), true, {
        doc: 'Whether the second listener answers `POST /api/…` as the server API of Centrifugo, with the keys of `api.keys`.',
      }),
    }),
  })
}
