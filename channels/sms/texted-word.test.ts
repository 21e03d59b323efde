import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { tracesFolder } from '#tests/servers.ts'
import { wordIn } from './texted-word.ts'

const rows: [string | undefined, string[]][] = [
  [
    'stop',
    [
      ...[
        'STOP',
        'stop',
        'Stop',
        ' stop ',
        'STOP.',
        'Stop!!!',
        '“STOP”',
        'STOP\n',
        'STOP 🛑',
        '*stop*',
        '(Stop)',
        'Stop, stop!',
      ],
      ...[
        'STOPALL',
        'stop all',
        'Stop-All',
        'UNSUBSCRIBE',
        'CANCEL',
        'End',
        'QUIT',
        'REVOKE',
        'OPTOUT',
        'Opt out',
        'OPT-OUT',
        'opt  out.',
      ],
      // Other spellings of the same letters: wide, circled, mathematical, with what nobody sees, with a Turkish I.
      ...[
        'ＳＴＯＰ',
        'ⓢⓣⓞⓟ',
        '𝐒𝐓𝐎𝐏',
        'ST\u200bOP',
        'S\u00adTOP',
        '\u202estop\u202c',
        '\ufeffSTOP',
        'QUİT',
        'quıt',
        'stóp',
        'STOP\u0000',
      ],
      ...['Stopp', 'Abmelden', 'abbestellen', 'Beenden', 'KÜNDIGEN', 'Ku\u0308ndigen', 'Ende', 'ARRÊT', 'Remove'],
      ...['Please stop', 'stop please', 'Bitte stopp!', 'ok, stop now. Thanks', 'please stop sending me that'],
      ...[
        'Stop texting me',
        'STOP SENDING ME THESE MESSAGES',
        'please, quit messaging us',
        'stop this',
        'stop it',
        'No more texts!',
      ],
      ...[
        'stop all messages',
        'cancel these alerts',
        'unsubscribe me',
        'Remove me from your list',
        'take me off this list',
        'opt me out',
      ],
      ...['Don’t text me again', 'do not message me anymore', 'I want to unsubscribe', "I'd like to opt out"],
      ...['Keine SMS mehr', 'Bitte keine Nachrichten mehr schicken', 'Schickt mir keine SMS mehr'],
    ],
  ],
  ['start', ['START', 'start.', 'Unstop', 'YES', 'yes!', 'Ja', 'opt in', 'ＳＴＡＲＴ']],
  ['help', ['HELP', 'help?', 'Info', 'Hilfe!', 'AIDE']],
  [
    undefined,
    [
      ...[
        '',
        ' ',
        '?',
        '🛑',
        'unstoppable',
        'nonstop',
        'stopped',
        'stops',
        'stop by at 5',
        'bus stop',
        'the end',
        'weekend',
      ],
      ...[
        "don't stop",
        'do not stop',
        'never stop texting me',
        'Stop! Hammer time',
        'stop sending me pictures of cats and send dogs',
      ],
      ...[
        'cancel my order',
        'cancel the meeting',
        'end of story',
        'quit smoking',
        'can you stop the build?',
        'Please help me stop it',
      ],
      ...['yes please call me', 'please start', 'start over', 'no', 'help me', 'informal', 'ЅТОР', 'S T O P', 'st op'],
      ...['stop '.repeat(200), `STOP${' x'.repeat(300)}`],
    ],
  ],
]

test('a word alone, however it is written, or a sentence that says nothing else', () => {
  for (const [word, texts] of rows) for (const text of texts) assert.equal(wordIn(text), word, JSON.stringify(text))
})

test('no other text is taken for one, and none takes long', t => {
  const folder = tracesFolder()
  if (!folder) return t.diagnostic('without the recorded list of naughty strings')
  const naughty = JSON.parse(readFileSync(path.join(folder, 'blns.json'), 'utf8')) as string[]
  assert.equal(wordIn('--help'), 'help', 'the one that is')
  for (const text of [
    ...naughty.filter(one => one !== '--help'),
    'stop sending '.repeat(15),
    `please ${'ok '.repeat(60)}`,
    'stop all '.repeat(22),
  ]) {
    const begun = performance.now()
    const word = wordIn(text)
    assert.ok(performance.now() - begun < 2_000, 'it is read at once')
    assert.equal(word, undefined, JSON.stringify(text))
  }
})
