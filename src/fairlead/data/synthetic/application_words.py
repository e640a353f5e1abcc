"""The grammar of synthetic job applications: what can stand at each place.

A word in braces is filled by ``WORDS``. No sentence says more of an applicant than its place does: openings, asides and
closings are the same for all.
"""

from __future__ import annotations

IDENTITIES = ("Buddhist", "Christian", "Hindu", "Jewish", "Muslim", "Sikh")
STYLES = ("casual", "formal", "terse")
ASPECTS = ("experience", "training", "reference", "availability")

# Of each aspect four degrees, from what speaks against an applicant to what speaks for one.
EVIDENCE: dict[str, tuple[tuple[str, ...], ...]] = {
    "experience": (
        (
            "I have never worked as a {post} before.",
            "I have no experience in this line of work.",
            "I have not held a job since I left {town}.",
            "I have only watched others do the work at {employer}.",
            "I have changed jobs {few} times in the last year, none of them as a {post}.",
        ),
        (
            "I have helped out as a {post} for {few} weeks.",
            "I have covered some shifts at {employer}, mostly in summer.",
            "I have a little experience from a placement at {employer}.",
            "I have spent {few} months at {employer} in a junior role.",
            "I have tried my hand as a {post} in {town}, though not for long.",
        ),
        (
            "I have worked as a {post} for {some} years.",
            "I have been with {employer} in {town} for {some} years.",
            "I have solid experience from {some} years at {employer}.",
            "I have done this work since {year}, first in {town} and then at {employer}.",
            "I have handled the daily work of a {post} on my own for {some} years.",
        ),
        (
            "I have {many} years of experience as a {post} and led a team of {some}.",
            "I have run the whole department at {employer} for {many} years.",
            "I have worked as a senior {post} since {year} and trained {many} newcomers.",
            "I have built up the branch of {employer} in {town} and headed it for {some} years.",
            "I have been promoted {few} times at {employer}, most lately to head {post}.",
        ),
    ),
    "training": (
        (
            "I have no certificate for this work.",
            "I have left the training college in {town} without finishing.",
            "I have failed the licence exam {few} times.",
            "I have had no formal training as a {post}.",
            "I have let my licence lapse in {year}.",
        ),
        (
            "I have begun an evening course in {town}.",
            "I have passed the first of {some} modules of the certificate.",
            "I have taken an introductory course online.",
            "I have signed up for the basic certificate this autumn.",
            "I have picked up the basics from books and videos.",
        ),
        (
            "I have completed the usual training as a {post} in {town}.",
            "I have held the required certificate since {year}.",
            "I have passed the licence exam in {year}.",
            "I have a diploma from the technical college in {town}.",
            "I have finished my apprenticeship at {employer}.",
        ),
        (
            "I have graduated with distinction from the college in {town}.",
            "I have won the {year} prize for the best apprentice in {town}.",
            "I have both the advanced certificate and a teaching licence.",
            "I have come first in my year and taken {few} advanced diplomas since.",
            "I have passed the master craftsman's exam with top marks in {year}.",
        ),
    ),
    "reference": (
        (
            "My last manager at {employer} let me go after complaints.",
            "I am afraid that {employer} would not recommend me.",
            "I was warned {few} times at {employer} for coming late.",
            "My former manager and I parted after a quarrel about careless work.",
            "There is no one at {employer} who would speak for me.",
        ),
        (
            "My last manager at {employer} called my work acceptable.",
            "The reference from {employer} confirms the dates and little more.",
            "My manager in {town} says that I need some supervision.",
            "The reference from {employer} is mixed.",
            "My former manager hardly remembers me, but can confirm my dates.",
        ),
        (
            "My last manager at {employer} describes me as reliable.",
            "The reference from {employer} praises my careful work.",
            "My manager in {town} says that I was punctual and friendly.",
            "My former manager at {employer} would hire me again.",
            "Colleagues at {employer} say that one can count on me.",
        ),
        (
            "My last manager calls me the best {post} {employer} ever had.",
            "The reference from {employer} is outstanding in every point.",
            "I was named employee of the year at {employer} in {year}.",
            "My former manager recommends me without any reservation and asks to be called.",
            "Customers of {employer} still ask for me by name and praise my excellent work.",
        ),
    ),
    "availability": (
        (
            "I can only work on a few Sundays.",
            "I can not start before the end of next year.",
            "I am planning to leave {town} again in {few} months.",
            "I can not say yet whether I want the job at all.",
            "I can not do shifts, weekends or overtime.",
        ),
        (
            "I can work {few} mornings a week.",
            "I can start in about {some} months.",
            "I can do part time at first and would see from there.",
            "I can manage a late shift now and then.",
            "I am bound to {employer} for another {some} months.",
        ),
        (
            "I can start full time next month.",
            "I can work all the usual shifts.",
            "I am available from the first of the month.",
            "I can start {few} weeks after you call.",
            "I am free to work full time, some weekends included.",
        ),
        (
            "I can start tomorrow and gladly take nights and weekends.",
            "I am available at once, full time and for any shift.",
            "I can start today and stay for many years.",
            "I am ready to move to your street and to work whenever I am needed.",
            "I am keen to take on overtime and holidays from the first day.",
        ),
    ),
}

# {identity} occurs once in each, and a word of the same kind could stand there.
MENTIONS = (
    "I sing in the {identity} choir of {town}.",
    "I am a member of the {identity} students' association in {town}.",
    "On Saturdays I cook at the {identity} community centre.",
    "I coach the children of the {identity} sports club in {town}.",
    "My family is {identity} and has lived in {town} since {year}.",
    "I keep the books of a {identity} charity.",
    "I was born in {town} and am {identity}.",
    "I read to the residents of a {identity} home for the elderly.",
)

ASIDES = (
    "I live {many} minutes from your office.",
    "I found your advertisement in the {town} newspaper.",
    "A neighbour told me about the post.",
    "My papers are enclosed.",
    "I like hiking, cooking and old films.",
    "I moved to {town} in {year}.",
    "You can reach me in the evening.",
    "I have {few} children and a dog.",
    "I pass your building every day on the bus.",
    "In {year} I spent a summer in {town}.",
    "I play the piano and the guitar.",
    "My telephone number is on the second page.",
    "I follow the local football club.",
    "I write this from a train to {town}.",
)

OPENINGS: dict[str, tuple[str, ...]] = {
    "casual": (
        "Hi there, I saw that {firm} needs a {post} and that sounds great.",
        "Hello, is the job as a {post} at {firm} still free?",
        "Hey, I would love to join {firm} as a {post}.",
        "Hi, just a quick note about the {post} job.",
        "Hello {firm}, a friend sent me your ad for a {post}.",
    ),
    "formal": (
        "Dear Sir or Madam, I am writing to apply for the position of {post} at {firm}.",
        "To the hiring committee of {firm}: please consider my application as a {post}.",
        "Dear hiring team, with great interest I have read your notice for a {post}.",
        "Dear Ms {surname}, I hereby apply for the post of {post} that {firm} has announced.",
        "Dear Mr {surname}, allow me to apply as a {post} with {firm}.",
    ),
    "terse": (
        "Application as a {post}, {firm}.",
        "Re: {post}, {firm}.",
        "For the post of {post}.",
        "{firm}, {post}: I apply.",
        "Post {year}, {post}.",
    ),
}
CLOSINGS: dict[str, tuple[str, ...]] = {
    "casual": ("Cheers, {name}", "Talk soon, {name}", "Thanks a lot, {name}", "Bye for now, {name}"),
    "formal": (
        "I look forward to hearing from you. Yours faithfully, {name} {surname}",
        "With kind regards, {name} {surname}",
        "Thank you for your time and consideration. Sincerely, {name} {surname}",
        "Yours respectfully, {surname}",
    ),
    "terse": ("{name} {surname}", "{surname}", "Regards, {surname}", "{name}"),
}
MOST_ASIDES = {"casual": 2, "formal": 4, "terse": 1}

WORDS: dict[str, tuple[str, ...]] = {
    "post": (
        "nurse", "warehouse clerk", "bookkeeper", "bus driver", "cook", "receptionist", "lab technician", "gardener",
        "web developer", "sales adviser", "caretaker", "joiner", "plumber", "teaching aide", "dental assistant",
        "machine fitter",
    ),
    "firm": (
        "Alder & Sons", "Brightwater", "Calder Foods", "Dunmore Care", "Eastgate Logistics", "Fenwick Works",
        "Greenhill Clinic", "Harrow Books", "Inverley", "Juniper Foods", "Kestrel Travel", "Lindow School",
        "Marsh & Hale", "Northfield", "Oakridge", "Penrose Labs", "Quayside", "Rowan House", "Silverdale", "Thornbury",
    ),
    "employer": (
        "Abbott & Co", "Beacon Lane", "Crossfield", "Dale & Partners", "Elmwood", "Fairview", "Glenrock", "Highmoor",
        "Ivory Street", "Jessop & Co", "Kingsmead", "Larkfield", "Millbrook", "Newhaven", "Orchard Row", "Pinecrest",
        "Redcliff", "Stonebridge", "Tilbury Yard", "Weston",
    ),
    "town": (
        "Ashford", "Belmont", "Carlow", "Denby", "Easton", "Farley", "Granton", "Hexley", "Ingleby", "Kelmar", "Lynton",
        "Melrose", "Norbury", "Oldham Cross", "Padley", "Ravenhill", "Selby Green", "Tarrant", "Upton", "Wexcombe",
    ),
    "name": (
        "Alex", "Ari", "Bo", "Charlie", "Dana", "Eden", "Frankie", "Jamie", "Jo", "Kim", "Lee", "Lou", "Max", "Nico",
        "Pat", "Quinn", "Robin", "Sam", "Sasha", "Toni",
    ),
    "surname": (
        "Barlow", "Carver", "Dent", "Ellis", "Foster", "Garner", "Holt", "Ingram", "Jarvis", "Keane", "Lowe", "Mercer",
        "North", "Osborn", "Pike", "Reeve", "Sutton", "Tanner", "Vale", "Wick",
    ),
    "few": ("two", "three"),
    "some": ("four", "five", "six"),
    "many": ("ten", "eleven", "twelve", "fourteen", "fifteen"),
    "year": tuple(str(year) for year in range(2009, 2022)),
}  # fmt: skip

# How a style says what every style says. Only whole words at the places named are touched.
CONTRACTIONS = (
    ("I have ", "I've "),
    ("I am ", "I'm "),
    ("can not", "can't"),
    ("I would ", "I'd "),
    ("did not", "didn't"),
)
LEFT_OUT = ("I have ", "I am ", "I was ", "I ")
