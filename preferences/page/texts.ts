import type { Language } from '#browser/languages.ts'
import type { Cell, Change } from '#contracts/preferences.ts'

type Rule = Cell['rule']
export type Texts = typeof en

const en = {
  title: 'Notifications',
  intro: 'Choose what reaches you, and where. Changes are saved at once.',
  loading: 'Loading your preferences …',
  saving: 'Saving …',
  saved: 'Saved.',
  unsaved: 'Your last change was not saved.',
  undo: 'Undo',
  undone: 'Taken back.',
  close: 'Close',
  retry: 'Try again',
  failures: {
    changed: 'This was just changed elsewhere. What you see now is how it stands: please choose again.',
    signedOut: 'You are signed out. Open this page again from the product or by a newer link.',
    gone: 'This account was deleted. Nothing is sent to it any more.',
    busy: 'That was a lot at once. Please wait a moment.',
    refused: 'That could not be saved',
    offline: 'No connection.',
    unsure: 'No connection. Your last change may not have been saved.',
  },
  channels: { push: 'Push', sms: 'SMS', email: 'Email', in_app: 'Inbox' },
  on: 'On',
  off: 'Off',
  rules: {
    default: 'by default',
    opted_in: 'as you chose',
    opted_out: 'as you chose',
    tenant_default: 'as your organisation suggests',
    tenant_locked: 'fixed by your organisation',
    mandatory: 'always sent, for your safety',
    paused: 'while everything is paused',
    erased: 'your account was deleted',
  } as Record<Rule, string | undefined>,
  unreachable: {
    push: 'but no device of yours is signed in',
    sms: 'but we have no phone number for you',
    email: 'but we have no email address for you',
    in_app: '',
  },
  categories: 'What you hear about',
  pause: {
    title: 'Pause',
    open: 'Take a break from everything. Your inbox still fills, and what must reach you still does.',
    hour: 'For 1 hour',
    tomorrow: 'Until tomorrow',
    until: 'Until …',
    untilLabel: 'Pause until',
    set: 'Pause',
    paused: (until: string | undefined) => (until ? `Paused until ${until}` : 'Paused until you resume'),
    resume: 'Resume',
    future: 'Choose a time to come.',
  },
  quiet: {
    title: 'Quiet hours',
    text: 'What is not urgent waits until they are over.',
    switch: 'Quiet hours',
    now: (until: string) => `It is quiet now, until ${until}.`,
    rules: {
      own: 'As you set them.',
      tenant_locked: 'Your organisation has fixed quiet hours. Yours count beside them.',
      tenant_default: 'As your organisation set them.',
      default: 'None so far.',
    },
    from: 'From',
    to: 'to',
    days: ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'],
    dayNames: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
    add: 'Add other hours',
    remove: 'Remove these hours',
    everyDay: 'Every day',
    zone: 'Time zone',
    window: (at: number) => `Quiet hours ${at}`,
    shared: 'Use those of my organisation',
    same: 'They must end at another time than they begin.',
    noDay: 'Choose at least one day.',
  },
  muted: {
    title: 'Muted',
    none: 'You have muted nothing.',
    thread: 'Conversation',
    room: 'Room',
    tenant: 'Space',
    until: (until: string) => `until ${until}`,
    forGood: 'until you unmute it',
    levels: { all: 'everything', mentions: 'mentions only', none: 'nothing' },
    unmute: 'Unmute',
    everyone: 'not when everyone is called',
    role: 'not when a role is called',
  },
  devices: {
    title: 'Devices and addresses',
    none: 'There is nothing yet that we could send to.',
    registered: (day: string) => `Registered ${day}`,
    states: {
      dead: 'Not reachable any more',
      suppressed: 'Not used: unsubscribed or refused',
      suspect: 'Trouble lately',
    },
    signOut: 'Sign out',
    sure: 'Really sign out?',
    keep: 'Keep',
    signedOut: 'Signed out of notifications.',
  },
  history: {
    title: 'What was changed',
    none: 'Nothing so far.',
    more: 'Show older changes',
    through: {
      api: 'by the product',
      person: 'by you',
      link: 'by you, through a link',
      one_click: 'by you, by unsubscribing',
      moved: 'because another person signed in there',
      operator: 'by the people who run this',
      provider: 'because the provider said so',
      sms: 'by you, by SMS',
    } as Record<string, string | undefined>,
    everything: 'Everything',
    kinds: historyKindsEn,
  },
}

type Named = Change & { what: string; where: string }

function historyKindsEn({ kind, wish, what, where, until, said }: Named): string {
  const end = until ? ` until ${until}` : ''
  switch (kind) {
    case 'choice':
      return wish === null ? `${what} by ${where}: back to the default` : `${what} by ${where} ${wish ? 'on' : 'off'}`
    case 'mute':
      return wish ? `${what} unmuted` : `${what} muted${end}`
    case 'pause':
      return wish ? 'Everything resumed' : `Everything paused${end}`
    case 'level':
      return said ? `${what}: ${en.muted.levels[said as 'all']}${end}` : `${what}: back to the default`
    case 'mention':
      return `${what}: calls of ${said === 'role' ? 'a role' : 'everyone'} ${wish === false ? 'off' : 'on'}`
    case 'endpoint':
      return `${where} ${wish ? 'added' : 'removed'}: ${what}`
    case 'suppression':
      return `${where} ${wish ? 'in use again' : 'not used any more'}: ${what}`
    case 'erase':
      return wish ? 'Account made again' : 'Account deleted'
    default:
      return kind
  }
}

const de: Texts = {
  title: 'Benachrichtigungen',
  intro: 'Du entscheidest, was dich erreicht und wo. Änderungen werden sofort gespeichert.',
  loading: 'Deine Einstellungen werden geladen …',
  saving: 'Wird gespeichert …',
  saved: 'Gespeichert.',
  unsaved: 'Deine letzte Änderung wurde nicht gespeichert.',
  undo: 'Rückgängig',
  undone: 'Zurückgenommen.',
  close: 'Schließen',
  retry: 'Noch einmal versuchen',
  failures: {
    changed: 'Das wurde gerade anderswo geändert. Du siehst jetzt den neuen Stand: bitte wähle noch einmal.',
    signedOut: 'Du bist abgemeldet. Öffne diese Seite neu, aus dem Produkt oder über einen neueren Link.',
    gone: 'Dieses Konto wurde gelöscht. Es bekommt keine Benachrichtigungen mehr.',
    busy: 'Das war viel auf einmal. Bitte warte einen Moment.',
    refused: 'Das konnte nicht gespeichert werden',
    offline: 'Keine Verbindung.',
    unsure: 'Keine Verbindung. Deine letzte Änderung wurde vielleicht nicht gespeichert.',
  },
  channels: { push: 'Push', sms: 'SMS', email: 'E-Mail', in_app: 'Postfach' },
  on: 'An',
  off: 'Aus',
  rules: {
    default: 'voreingestellt',
    opted_in: 'von dir gewählt',
    opted_out: 'von dir gewählt',
    tenant_default: 'Vorschlag deiner Organisation',
    tenant_locked: 'von deiner Organisation festgelegt',
    mandatory: 'kommt immer, zu deiner Sicherheit',
    paused: 'solange alles pausiert',
    erased: 'dein Konto wurde gelöscht',
  },
  unreachable: {
    push: 'aber keines deiner Geräte ist angemeldet',
    sms: 'aber wir haben keine Telefonnummer von dir',
    email: 'aber wir haben keine E-Mail-Adresse von dir',
    in_app: '',
  },
  categories: 'Worüber du informiert wirst',
  pause: {
    title: 'Pause',
    open: 'Mach eine Pause von allem. Dein Postfach füllt sich weiter, und was dich erreichen muss, kommt an.',
    hour: 'Für 1 Stunde',
    tomorrow: 'Bis morgen',
    until: 'Bis …',
    untilLabel: 'Pause bis',
    set: 'Pausieren',
    paused: until => (until ? `Pausiert bis ${until}` : 'Pausiert, bis du fortsetzt'),
    resume: 'Fortsetzen',
    future: 'Wähle eine Zeit in der Zukunft.',
  },
  quiet: {
    title: 'Ruhezeiten',
    text: 'Was nicht dringend ist, wartet, bis sie vorbei sind.',
    switch: 'Ruhezeiten',
    now: until => `Jetzt ist Ruhe, bis ${until}.`,
    rules: {
      own: 'So wie du sie gesetzt hast.',
      tenant_locked: 'Deine Organisation hat Ruhezeiten festgelegt. Deine gelten daneben.',
      tenant_default: 'So wie deine Organisation sie gesetzt hat.',
      default: 'Bisher keine.',
    },
    from: 'Von',
    to: 'bis',
    days: ['Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So'],
    dayNames: ['Montag', 'Dienstag', 'Mittwoch', 'Donnerstag', 'Freitag', 'Samstag', 'Sonntag'],
    add: 'Weitere Zeiten',
    remove: 'Diese Zeiten entfernen',
    everyDay: 'Jeden Tag',
    zone: 'Zeitzone',
    window: at => `Ruhezeit ${at}`,
    shared: 'Die meiner Organisation verwenden',
    same: 'Das Ende muss eine andere Zeit sein als der Anfang.',
    noDay: 'Wähle mindestens einen Tag.',
  },
  muted: {
    title: 'Stummgeschaltet',
    none: 'Du hast nichts stummgeschaltet.',
    thread: 'Unterhaltung',
    room: 'Raum',
    tenant: 'Bereich',
    until: until => `bis ${until}`,
    forGood: 'bis du es aufhebst',
    levels: { all: 'alles', mentions: 'nur Erwähnungen', none: 'nichts' },
    unmute: 'Aufheben',
    everyone: 'nicht, wenn alle gerufen werden',
    role: 'nicht, wenn eine Rolle gerufen wird',
  },
  devices: {
    title: 'Geräte und Adressen',
    none: 'Es gibt noch nichts, wohin wir senden könnten.',
    registered: day => `Registriert ${day}`,
    states: {
      dead: 'Nicht mehr erreichbar',
      suppressed: 'Nicht in Gebrauch: abbestellt oder abgewiesen',
      suspect: 'Zuletzt mit Störungen',
    },
    signOut: 'Abmelden',
    sure: 'Wirklich abmelden?',
    keep: 'Behalten',
    signedOut: 'Von Benachrichtigungen abgemeldet.',
  },
  history: {
    title: 'Was geändert wurde',
    none: 'Bisher nichts.',
    more: 'Ältere Änderungen zeigen',
    through: {
      api: 'vom Produkt',
      person: 'von dir',
      link: 'von dir, über einen Link',
      one_click: 'von dir, durch Abbestellen',
      moved: 'weil sich dort jemand anderes angemeldet hat',
      operator: 'vom Betrieb',
      provider: 'weil der Anbieter es gemeldet hat',
      sms: 'von dir, per SMS',
    },
    everything: 'Alles',
    kinds: historyKindsDe,
  },
}

function historyKindsDe({ kind, wish, what, where, until, said }: Named): string {
  const end = until ? ` bis ${until}` : ''
  switch (kind) {
    case 'choice':
      return wish === null
        ? `${what} per ${where}: wieder voreingestellt`
        : `${what} per ${where} ${wish ? 'an' : 'aus'}`
    case 'mute':
      return wish ? `${what} nicht mehr stumm` : `${what} stummgeschaltet${end}`
    case 'pause':
      return wish ? 'Alles fortgesetzt' : `Alles pausiert${end}`
    case 'level':
      return said ? `${what}: ${de.muted.levels[said as 'all']}${end}` : `${what}: wieder voreingestellt`
    case 'mention':
      return `${what}: Rufe an ${said === 'role' ? 'eine Rolle' : 'alle'} ${wish === false ? 'aus' : 'an'}`
    case 'endpoint':
      return `${where} ${wish ? 'hinzugefügt' : 'entfernt'}: ${what}`
    case 'suppression':
      return `${where} ${wish ? 'wieder in Gebrauch' : 'nicht mehr in Gebrauch'}: ${what}`
    case 'erase':
      return wish ? 'Konto neu angelegt' : 'Konto gelöscht'
    default:
      return kind
  }
}

/** What the page says. Every language says all of it, or the types do not fit. */
export const texts: Record<Language, Texts> = { en, de }
