# English. Keys are grouped by screen. `n` is a number, `name` a text.

app-name = Veche
starting = Opening your messages…
cancel = Cancel
close = Close
save = Save
somebody = Somebody

## First run, coming back, unlocking

first-title = Welcome to Veche
first-words = Talk directly, without a server in between. Only you and the people you write to can read it.
first-create = Create account
first-working = Creating your keys…
first-have = I already have an account
first-protect = Protect this device with a passphrase
first-no-protect = Without a passphrase
field-name = Your name
hint-name = Anna Petrova
name-empty = Please say what people should call you.
field-login = Login
help-login = People find you by it. A short tag is added so that two people can have the same login.
help-login-again = The login of the account you are restoring.
login-empty = Please choose a login.
login-short = A login has at least 3 characters.
login-long = A login has at most 24 characters.
login-letters = Only small Latin letters, digits, dots, dashes and underscores.
login-edge = A login begins and ends with a letter or a digit.
login-double = Two dots, dashes or underscores may not stand together.
login-no-letter = A login needs at least one letter.
field-passphrase = Passphrase
field-again = The same once more
help-passphrase = At least 8 characters; several words are best. Nobody can reset it.
passphrase-short = At least 8 characters, please.
passphrase-differs = The two are not the same.
restore-title = Welcome back
restore-words = Your twelve words bring back your account on this device.
field-words = Twelve recovery words
help-words = In their order, separated by spaces.
restore-count = There are { $n ->
    [one] { $n } word
   *[other] { $n } words
} here; twelve are needed.
restore-go = Restore account
restore-new = Create a new account
restore-backup = Open a backup file
unlock-title = Welcome back
unlock-words = Your messages are sealed with a passphrase.
unlock-go = Unlock
unlock-working = Unlocking…
failed-title = Veche cannot start
failed-copy = Copy for a report
gone-title = Your account is deleted
gone-words = Nothing of it is left on this device. You can close this window.

## Sidebar

side-search = Search people
side-people = People
side-empty = People you talk with appear here.
side-no-match = Nobody like that.
side-no-messages = No messages yet
side-draft = Draft:
page-nearby = People near you
page-requests = Requests
page-add = Add a person
unread-count = { $n ->
    [one] { $n } unread message
   *[other] { $n } unread messages
}
me-profile = { $name }, your profile
presence-online = online
presence-idle = away
presence-dnd = do not disturb
presence-offline = offline
status-online = Online
status-idle = Away
status-dnd = Do not disturb
status-invisible = Invisible
last-seen = last seen { $day } at { $time }
typing-short = typing…
typing = { $name } is typing…

## Welcome

welcome-title = Hello, { $name }!
welcome-words = You are ready. Find somebody to talk to.
welcome-back = Nothing is open
welcome-back-words = Choose a conversation, or find somebody new.
welcome-nearby = On the same network, without any setup
welcome-link = Show my contact link
welcome-link-words = As a code to scan, or as text to send
welcome-add-words = By their link or login

## Conversation

chat-card-of = { $name }, show the contact card
chat-mute = Mute
chat-unmute = Unmute
chat-empty = Say hello to { $name }
chat-empty-words = Messages go straight to their devices, sealed on the way. If they are offline, this device keeps trying.
composer-to = Message { $name }
composer-send = Send
composer-left = { $n ->
    [one] { $n } byte left
   *[other] { $n } bytes left
}
composer-too-long = Too long for one message. Split it in two.
composer-editing = Editing
composer-replying = Replying to
composer-cancel = Cancel
closed-blocked = You blocked { $name }.
closed-gone = { $name } deleted their account.
closed-not-contact = { $name } has not accepted yet.
banner-queued = { $name } is offline. Your messages wait on this device and go out when you are both online.
banner-missing = { $n ->
    [one] { $n } message from { $name } is on its way
   *[other] { $n } messages from { $name } are on their way
}
banner-devices = { $name } has a new device. Compare safety numbers if you want to be sure it is theirs.
banner-clock = The clock of this computer is wrong. Set it right; until then nothing is sent.
banner-disk = The disk does not take new messages. Free some space; until then nothing is sent.
banner-copied = Another computer runs with a copy of this profile. Stop one of them and restore it with your recovery words.
banner-dropped = This device was taken off your account, because eight newer ones are in use. Restore it with your recovery words to write again.
banner-why = Why?
banner-compare = Compare
timeline-name = Messages
timeline-new = New
timeline-beginning = This is the beginning of your conversation with { $name }.
quote-not-loaded = An earlier message
message-deleted = This message was deleted
call-talked-out = You called
call-talked-in = They called you
call-missed-out = You called, nobody answered
call-missed-in = Missed call
call-declined-out = Your call was declined
call-declined-in = You declined a call
call-failed = A call was answered, but no sound came through
message-unsupported = This message was written by a newer version of Veche. Update to read it.
message-reply = Reply
message-copy = Copy text
message-edit = Edit
message-delete = Delete
note-edited = edited
note-late = arrived later
note-forked = one of two versions: the history of this device was copied
state-queued = Waiting on this device
state-sent = Sent
state-held = Kept for them
state-delivered = Delivered
state-read = Read
day-today = Today
day-yesterday = Yesterday
day-yesterday-short = Yesterday
date-day = { $month } { $day }
date-year = { $month } { $day }, { $year }
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
wd-1 = Mon
wd-2 = Tue
wd-3 = Wed
wd-4 = Thu
wd-5 = Fri
wd-6 = Sat
wd-7 = Sun
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

## Contact card and people

card-close = Close the card
card-rename = Rename
card-calls-themselves = Calls themselves { $name }
card-status = Status
card-about = About
card-verification = Verification
card-verified = Safety number verified
card-not-verified = Not verified yet
card-devices-changed = They have a new device
card-compare = Compare safety numbers
card-why = Why is it not delivered?
card-block = Block
card-unblock = Unblock
route-loopback = Connected on this computer
route-lan = Connected over the local network
route-direct = Connected directly
route-relayed = Connected through a relay
person-blocked = You blocked this person. They cannot write to you and do not see when you are online.
person-gone = This person deleted their account.
person-asking = Wants to talk with you. They see nothing about you until you accept.
person-asked = Your request waits on this device until their device can be reached.
person-asked-delivered = Your request has arrived. Now it is up to them.
person-opening = Opening the conversation…
person-unknown = You have not met yet.
nearby-visible = Let people on this network see me
nearby-visible-help = Your name and login are told to devices on the same network. Off, you can still see others who are visible.
nearby-nobody = Nobody is here yet
nearby-nobody-words = People with Veche on the same network appear here when they let themselves be seen.
nearby-count = { $n ->
    [one] { $n } person on this network
   *[other] { $n } people on this network
}
nearby-write = Message
nearby-asked = Asked
nearby-answer = Answer
nearby-blocked = Blocked
nearby-ask = Say hello
requests-none = No requests
requests-none-words = When somebody wants to talk with you, it shows up here first.
requests-incoming = { $n ->
    [one] { $n } person wants to talk with you
   *[other] { $n } people want to talk with you
}
requests-outgoing = You asked
requests-waiting = Waits until their device can be reached
requests-delivered = Arrived; waiting for their answer
request-accept = Accept
request-decline = Decline
add-theirs = Find somebody
add-theirs-words = Paste the link they gave you, or type their login.
field-theirs = Link or login
hint-theirs = veche:c/… or anna#K7Q2-9F
add-find = Find
add-bad = This is neither a contact link nor a login. A login looks like anna or anna#K7Q2-9F.
add-nobody = Nobody with this login can be seen right now. Ask for their contact link, or be on the same network.
add-several = More than one person has this login. Ask for the six characters after the #.
add-mine = Your contact link
add-mine-words = Give it to people you want to talk with: as text, or let them scan the code.
add-link-coming = Making your link…
add-qr = Your contact link as a QR code
add-copy = Copy link
add-renew = Make a new link
add-renew-help = Old links stop working.
add-nearby = Or look who is on this network

## Questions

ask-delete-message = Delete this message?
ask-delete-message-words = It disappears here and on their devices. Somebody who has read it already may remember it.
ask-block = Block { $name }?
ask-block-words = They can no longer write to you or see when you are online, and they are not told. Your messages stay here.
ask-rename = Name for this person
help-rename = Only you see it. Leave it empty for the name they chose.
ask-verify = Compare with { $name }
verify-words = Look at this number together, or read it to each other on a call. If both screens show the same, nobody sits between you.
verify-coming = Working it out…
verify-match = They match
verify-mismatch = The number changed while you compared. Look again before you trust it.
ask-words = Recovery words
ask-diagnosis = Messages to { $name }
diagnosis-coming = Looking…
diagnosis-fine = Everything has been delivered.
ask-link = Do you know this person?
ask-own-link = This is your own link
link-own-words = Give it to somebody else, and they can ask to talk with you.
link-words = They see your name and login when you ask.
link-known = You two are talking already.
link-ask = Ask to talk
field-note = A word along with it
hint-note = Hi, it is Anna from the climbing club
ask-export = Back up everything
export-words = One file with your account, contacts and messages, sealed with a passphrase of its own. Whoever has both has your account.
export-choose = Choose where
ask-import = Open a backup
import-words = The passphrase is the one chosen when the backup was made.
import-choose = Choose the file
backup-filter = Veche backup
ask-delete-account = Delete your account?
delete-what-messages = All messages on this device are erased.
delete-what-contacts = Your contacts are told that the account is gone. You cannot come back under it, not even with the words.
delete-what-login = Other people may take your login.
delete-confirm = Type your login ({ $name }) to confirm
delete-go = Delete forever

## Recovery words

words-card = Save your recovery words
words-card-why = With them you get your account back if this device is lost.
words-show = Show words
words-later = Later
words-what = Twelve words that bring your account back on any device.
words-alone = Make sure nobody is looking at your screen.
words-nobody = Whoever has them has your account. Nobody can look them up for you.
words-reveal = Show the words
words-asking = Fetching your words…
words-write = Write them down on paper, in this order.
words-written = I wrote them down
words-check = Type three of them, so that we know the paper is right.
words-number = Word { $n }
words-wrong = This is not that word.
words-done = Done
words-back = Show them again

## Settings

settings-back = Back
settings-profile = Profile
settings-appearance = Appearance
settings-notifications = Notifications
settings-privacy = Privacy
settings-security = Security
settings-backup = Backup
settings-network = Network
settings-keyboard = Keyboard
settings-about = About
settings-account = Delete account
profile-status = Status
profile-copy = Copy login
profile-tag-coming = The tag of your login is being worked out; that takes a moment, once.
field-status = In your own words
hint-status = On a train until six
field-about = About you
hint-about = What people should know about you
appearance-theme = Theme
appearance-theme-words = System follows your desktop.
theme-system = System
theme-dark = Dark
theme-light = Light
appearance-language = Language
appearance-language-words = Changes at once.
notifications-on = Show notifications
notifications-on-help = When a message arrives and the window is not in front. Mute single conversations in their header.
privacy-receipts = Tell when I have read
privacy-receipts-help = Both ways: without it you do not see when others have read.
privacy-typing = Tell when I am typing
privacy-typing-help = Both ways as well.
privacy-gate = Who may ask to talk with you
privacy-gate-words = Nobody can write before you accept. This decides who can ask at all.
gate-anyone = Anyone
gate-code = Only with my link
gate-nobody = Nobody
privacy-blocked = Blocked people
security-words = Recovery words
security-words-help = The only way back into your account when this device is lost.
security-saved = You have them on paper
security-unsaved = Not written down yet
security-passphrase = Passphrase of this device
security-passphrase-help = Seals everything Veche keeps here. It is asked when the app starts.
security-set = Set passphrase
security-change = Change passphrase
security-remove = Remove it
field-old = Current passphrase
field-new = New passphrase
backup-export = Back up to a file
backup-export-help = Account, contacts and messages in one sealed file. Make one before you reinstall, and now and then.
backup-export-go = Back up
backup-import-where = A backup is opened on the first screen of a fresh installation, under “I already have an account”.
network-state = Connection
network-lan-only = Only the local network is used.
network-open = Direct connections, no server in between.
network-links = { $n ->
    [0] No open connections
    [one] { $n } open connection
   *[other] { $n } open connections
}
network-authenticated = { $n ->
    [0] None to contacts or your own devices
    [one] { $n } to a contact or one of your devices
   *[other] { $n } to contacts or your devices
}
network-addresses = Addresses of this device
network-addresses-help = Somebody who wants to reach you from another network may need one of these.
network-no-addresses = None yet.
network-copy = Copy { $name }
network-add = Reach another device
network-add-help = Give an address that ends in /p2p/ and an identity.
field-address = Address
network-dial = Connect
network-refusals = Refused input
network-refusals-help = Bad or unexpected data that other machines sent. Nothing of it was kept.
about-version = Version { $name }
about-what = A messenger without a server. Every app is a full node; messages go straight from device to device, end-to-end encrypted.
about-licence = Free software under MIT or Apache 2.0.
about-fonts = Fonts: Inter and JetBrains Mono (SIL OFL 1.1). Icons: Phosphor (MIT).
account-delete = Delete account
account-delete-help = Erases your account and all messages from this device and tells your contacts. It cannot be undone.
account-delete-go = Delete account…

## Keyboard

command-switcher = Jump to a person or page
command-search = Search in this conversation
command-search-all = Search all conversations
command-previous-chat = Previous conversation
command-next-chat = Next conversation
command-previous-unread = Previous unread conversation
command-next-unread = Next unread conversation
command-card = Contact card
command-settings = Settings
command-shortcuts = Keyboard shortcuts
command-add = Add a person
command-present = Jump to the newest message
command-escape = Close, cancel, or mark as read
switcher-hint = Where to?
search-title = Search messages
search-hint = A word or a part of one
search-where = Where to search
search-here = With { $name }
search-everywhere = Everywhere
search-start = Messages are searched on this device; nothing is sent anywhere.
search-busy = Searching…
search-none = Nothing found.
search-more = Older messages
search-you-to = You to { $name }
key-send = Send the message
key-newline = New line
key-edit-last = Edit your last message (in an empty field)
key-pages = Scroll the messages
key-zoom = Larger or smaller

## Toasts and notifications

toast-copied = Copied
toast-saved = Saved
toast-requested = Your request is on its way
toast-verified = Verified. You will be told if their devices change.
toast-blocked = Blocked
toast-unblocked = Unblocked
toast-words = Well done. Keep the paper safe.
toast-exported = The backup is written
toast-dialling = Connecting…
toast-passphrase = The passphrase is changed
note-somebody = New message
note-request = Wants to talk with you
add-searching = Asking the directory…
add-nowhere = Nobody with this login is on your network, and no meeting point is set where people elsewhere could be found.
add-nowhere-go = Add a meeting point
privacy-listed = Can be found by login
privacy-listed-help = Puts your name and login into the directory, so that people elsewhere can ask to become your contact.
network-nat-unknown = Not known yet how others outside see this device.
network-nat-open = Others outside can reach this device directly.
network-nat-mapped = Behind a router; direct connections are made with the help of a meeting point.
network-nat-symmetric = Behind a router that hides its ports; some people are reached through a relay.
network-operators = Meeting points
network-operators-help = Nodes that volunteers run. They help people find each other and pass on sealed messages, and calls where there is no direct way; they can read and hear nothing.
network-no-operators = None. You reach people on the local network and at addresses you know.
network-operator-up = Connected
network-operator-calls = Connected, also for calls
network-operator-down = Not connected
network-operator-remove = Remove { $name }
network-operator-add = Add
field-operator = Address of a meeting point, or the link of somebody who uses one
toast-operator = Meeting point added
toast-operator-gone = Meeting point removed
note-device = Your account has too many devices
note-device-this = Eight is the most, and newer ones took this device's place. It shows what it has and writes nothing any more.
note-device-other = Eight is the most. The newest took the place of the oldest, which writes nothing any more.

## Calls

call = Call
call-back = Call back
call-again = Call again
call-incoming = Incoming call
call-incoming-from = { $name } is calling
call-accept = Accept
call-decline = Decline
call-accept-ends = Accepting ends your call with { $name }.
call-calling = Calling…
call-ringing = Ringing…
call-connecting = Connecting…
call-active = Connected
call-reconnecting = Reconnecting…
call-route-lan = Local network
call-route-direct = Direct
call-route-relay = Through a relay
call-route-lan-help = Sound stays within your local network.
call-route-direct-help = Sound goes straight from device to device. Each of you sees the internet address of the other.
call-route-relay-help = Sound goes through a relay, which cannot listen. It takes a little longer.
call-condition = How well the call goes
call-open = Call with { $name }
call-devices = Microphone and loudspeaker…
call-more = Volume and connection
call-volume = Volume of { $name }
call-mute = Turn the microphone off
call-unmute = Turn the microphone on
call-deafen = Turn all sound off
call-undeafen = Turn sound on
call-hang-up = Hang up
call-give-up = Stop calling
call-read = Close
call-words = Safety pictures: { $name }
call-words-help = If you both see the same four pictures, nobody sits between you. Tell each other what you see.
call-seat-muted = { $name }, microphone off
call-seat-deaf = { $name }, hears nothing
call-seat-speaks = { $name }, speaking
call-end-hung-up = The call has ended
call-end-cancelled = { $name } hung up before you answered.
call-end-declined = { $name } declined. A message may suit them better.
call-end-busy = { $name } has other calls right now. Try again in a while.
call-end-no-answer = { $name } did not answer. They see that you called.
call-end-answered-elsewhere = You answered { $name } on another device.
call-end-declined-elsewhere = You declined { $name } on another device.
call-end-unreachable = { $name } cannot be reached right now. They see that you called once they are back.
call-end-no-way = No way for sound was found between your network and that of { $name }. Set a meeting point with a relay, or call from another network.
call-end-no-relay = Your calls go through a relay only, and there is none. Add a meeting point, or allow direct calls in the settings.
call-end-impostor = The device that answered is not the one it claims to be, so the call was ended. Compare safety numbers with { $name } before you call again.
call-end-no-engine = This app runs without sound, so it cannot call. Start it without --audio none.
call-end-no-sound = Microphone or loudspeaker could not be opened. Check them in the sound settings of your system, then call again.
call-end-no-sound-there = { $name } has trouble with sound on their device. Ask them in a message to check it.
call-end-lost = The connection to { $name } was lost. Call again once you are both online.
call-end-not-contact = You and { $name } are no longer contacts.
call-end-merged = You called each other at once; the call of { $name } goes on.
no-call-blocked = You blocked this person. Unblock them to call.
no-call-gone = This account was deleted.
no-call-contact = You can call once you are contacts.
no-call-busy = You are in a call already. End it first.
no-call-this = You are in this call.
note-call = Incoming call
command-call = Call this person
command-answer = Accept a call
command-hang-up = Hang up, or decline a call
command-mic = Microphone on or off
command-deafen = All sound on or off
unit-ms = { $n } ms
unit-percent = { $n } %
unit-share = { $name } %
unit-kbps = { $n } kbit/s
unit-about = about { $name }
decimal-mark = .
stat-ear = From mouth to ear
stat-rtt = Round trip
stat-jitter = Jitter
stat-loss = Lost packets
stat-concealed = Sound filled in
stat-rate = Bitrate
stat-codec = Codec

## Voice

settings-voice = Voice
voice-devices = Devices
voice-input = Microphone
voice-output = Loudspeaker
voice-input-volume = Loudness of your microphone
voice-output-volume = Loudness of others
voice-system = As the system has it
voice-system-is = As the system has it ({ $name })
voice-gone = The chosen device is not there
voice-no-devices = This app was started with other sound than the devices of this computer, so there is nothing to choose.
voice-test = Microphone test
voice-test-help = Speak and watch the bar. What is green is heard by others.
voice-test-go = Start the test
voice-test-stop = Stop the test
voice-test-opening = Opening the microphone…
voice-test-heard = Others would hear you now
voice-test-quiet = Others would hear nothing now
voice-level = Level of the microphone
voice-threshold = From this level on you are heard
voice-loopback = Hear myself
voice-loopback-help = Plays what others would hear, a moment later. Use headphones, or it will whistle.
voice-sent = When others hear you
voice-by-voice = When I speak
voice-by-key = While I hold a key
voice-always = Always
voice-threshold-auto = Tell voice from noise by itself
voice-threshold-auto-help = Off, you set with the knob in the bar above from which level on you are heard.
voice-key = Key: { $name }
voice-key-press = Press a key… Esc leaves it as it is
voice-key-choose = Choose a key
voice-key-help = Works while this window has the keyboard. Keys that write something do nothing while you write.
voice-hold = hold { $name } to talk
voice-processing = Your voice
voice-noise = Noise suppression
voice-noise-off = Off
voice-noise-standard = Standard
voice-noise-strong = Strong
voice-echo = Echo cancellation
voice-echo-help = Takes out of your microphone what comes from your loudspeaker. Leave it on unless you use headphones.
voice-gain = Even loudness
voice-gain-help = Brings quiet and loud voices to one level.
voice-relay = Always relay my calls
voice-relay-help = The other person does not learn the internet address of this device. Without a relay there is no call then, and sound takes longer.
device-lost-input = The microphone is gone. If there is another, it is used; until then others hear nothing of you.
device-lost-output = The loudspeaker is gone. If there is another, it is used; until then you hear nothing.
