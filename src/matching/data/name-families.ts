/*
 * What schools and surgeries in England meet beside the English short forms. `head: forms`, one group a line; compiled for
 * this project from common knowledge, no list copied. Groups do not chain: two names belong together only if one line holds
 * both.
 */

/** The same given name written otherwise: spellings, transliterations, its form in another language. */
export const SPELLINGS = `
mohammed: muhammad mohamed mohammad muhammed mohamad mohamud muhamad muhamed mohamet mahomed mahomet mehmed mehmet mohd md mhmd muhammadu mamadou mahamed maxamed mohammod muhammet muhamet mohummed mouhamed mouhamadou
ahmed: ahmad ahmet axmed achmed ahmad hmd ahamed ahmadu amadou
mahmoud: mahmud mehmood mahmood maxamuud mamoud mahamoud
hamid: hameed hamed
hussein: hussain husain husayn hossain hussien huseyin hosein hossein hassein houssein xuseen hussayn husein
hassan: hasan hassen xasan hassaan
ali: aly alee aliyu
omar: umar omer umer ummar cumar oumar
osman: uthman usman othman ousmane cismaan usmaan ottoman
yusuf: yousef youssef yousuf yusef yousaf yusif yosef yosif yoosuf yuusuf jusuf youssouf yousif yusof
ibrahim: ibraheem ebrahim ibraahim ibrahima ebraheem ibrahem
ismail: ismael ismaeel esmail ismaiil ishmael esmaeil
isaac: isaaq ishaq izaak izak isac ishak isaak itzhak yitzhak
yaqub: yakub yaqoob yacoub jakub yaqoub yacub
khalid: khaled kaleed khaleed halid
saeed: said saed sayeed saeid sayid
abdullah: abdallah abdulla abdala abdullahi abdulah abdalla abdellah cabdullahi abdoulaye
abdulrahman: abdurrahman abdulrehman abdurehman abderrahman abdirahman abdurahman abdelrahman abdulrahmaan abdirahmaan
abdulkarim: abdelkarim abdulkareem abdikarim abdelkrim
abdulaziz: abdelaziz abdiaziz abdulazeez
abdulqadir: abdulkadir abdelkader abdikadir abdulqader abdulkader
mustafa: mustapha moustafa mostafa mustafah moustapha
hamza: hamzah hamsa hamse
bilal: belal bilaal bilel
zaynab: zainab zeinab zeynab zaineb zeynep zainub zaynub zineb
fatima: fatimah fatema faatimah fatimata faduma fadumo fatma fatoumata fathima fatuma
aisha: ayesha aysha aishah aiesha aicha aysheh caasha ayisha asha aasha iesha aishat
khadija: khadijah kadija khadeeja khadeejah kadijah hadija hatice khadijat kadidia
maryam: mariam miriam mariyam maryum meryem miryam mariama maryan marium
amina: aminah ameena aamina amena aminat aaminah
hafsa: hafsah hafza xafsa
safiya: safiyah safia saffiyah safiyya sofia
sumaya: sumayya sumayyah sumaiya soumaya
khalida: khaleda khalidah
noor: nur nour noura nora
layla: leila laila leyla lailah leyla lyla
yasmin: yasmine jasmine jasmin yasmeen yasmina yasemin
iman: eman imaan imane
hana: hannah hanna hanah hanaa hania
rahim: raheem raheim
karim: kareem kerim
rashid: rasheed rachid rashed rasheid
tariq: tarek tarik tareq tareek
faisal: faysal feisal feysal faizal
zakariya: zakaria zachariah zakariyya zekeriya zakariyah zakariye
sulaiman: suleiman suleman sulayman soliman solomon souleymane saleban sulaymaan suleyman
daud: dawud dawood daoud dawoud davud
musa: moosa mousa moussa muuse muusa musah
isa: eesa issa essa eissa ciise
yahya: yehia yahia yahyah yehya
haroon: harun haroun haaruun aaron
idris: idrees idriss edris idriis
junaid: junayd juned junaed
hudhaifa: huzaifa hudhayfah huzaifah
shabnam: sabnam shabnum
shahid: shaheed
sharif: shareef cherif sherif sharief
saif: sayf seif
qasim: kasim kassim qaasim kasem qassim
jamal: gamal djamel jamaal cemal
jamil: jameel djamil cemil
iqbal: ikbal eqbal
imran: emran imraan
irfan: erfan irfaan
usama: osama usamah ousama
zubair: zubayr zubeir zubeyr zuber
anwar: anwaar enver anouar
akram: ikram
asif: aasif asef
arif: aarif
aziz: azeez
bashir: basheer bachir
farid: fareed ferid
habib: habeeb
halima: haleema halimah xaliimo halimat
jalal: jalaal celal
karima: kareema
latif: lateef
majid: majeed
munir: muneer mounir
nadia: nadiya nadya nadiyah nadja
nasir: naseer nasser nassir nacer
rahman: rehman rahmaan
raza: reza rida rizah
sana: sanaa
samir: sameer
samira: sameera samirah
shaikh: sheikh shaykh sheik shaik
siddiq: siddique sadiq sadik sadeeq siddiqui
talha: talhah
tahir: taher taahir
waleed: walid oualid
yasir: yaser yasser yassir
zahra: zara zahrah zehra zohra
zahid: zaheed
ayaan: ayan aayan
aarav: arav aarave
aditya: adithya aaditya adity
arjun: arjuna arjoon
krishna: krishnan krisna krshna
lakshmi: laxmi luxmi lakshmy
vijay: bijoy vijai
vikram: bikram vickram
vivek: bibek
varun: barun
shreya: shriya sreya
sri: shri shree sree
priya: preeya pria
pooja: puja
deepa: dipa
deepak: dipak
dilip: dileep dilipkumar
ganesh: ganesha ganeesh
gurpreet: gurprit gurpriet
harpreet: harprit
jaspreet: jasprit
manpreet: manprit
simran: simrun simranjit
jagdeep: jagdip
sandeep: sandip
pradeep: pradip
kuldeep: kuldip
satnam: satnaam
singh: sing sinh
kaur: kour
kavita: kavitha
sunita: suneeta sunitha
anita: aneeta anitha
sangita: sangeeta sangeetha
nisha: neesha
asha: aasha
rina: reena rena
tina: teena
mina: meena mena
nina: neena
sita: seeta
gita: geeta geetha
rita: reeta
rajesh: raajesh
rakesh: raakesh
suresh: suraish sureshkumar
mukesh: mookesh
jayesh: jaiesh
jay: jai
aryan: ariyan aaryan arian
ishaan: ishan eshan
dhruv: dhruva druv
siobhan: shivaun chevonne shevaun chevaun siobhain shivon shavon shivawn chavonne siobhon
niamh: neve nieve neave neeve niav
sean: shaun shawn shane seaun shon
aoife: eefa ifa aoiffe efa
caoimhe: keeva kiva keva kweeva quiva caoimha
saoirse: sersha seersha searsha sorsha saoirsha
ciara: keira kiera kira ceara kiara keara kierra
ciaran: kieran kieron kiaran keiran cieran kieren keeran
eoin: owen eoghan owain ewan euan ewen iwan owyn ioan
cian: kian keane kean keyan
aisling: ashling aislinn ashlyn aislin ashleen
grainne: grania granya grannia
roisin: rosheen rosin roisheen
sinead: shinead sinaid shinade
mairead: maraid moiread mairaid
orla: orlagh orlaith orlah
oisin: osheen ossian oisine
padraig: padraic patrick podraig padraigh pauric porick padric
cormac: cormack
conor: connor konnor conner connar konor
declan: deklan declen dekklan
diarmuid: dermot diarmaid dermott
donncha: donnacha donagh donough denis
fionn: finn fynn fin
fionnuala: finola fenella nuala finnuala
tadhg: tyg teague tighe tadgh timothy taig
ruairi: rory ruairidh rhuari ruari ruaidhri rori
cillian: killian kilian cilian
eilidh: ailie ayley eiledh
caitlin: kaitlyn katelyn kaitlin caitlyn kaitlynn catelyn cateline katelynn caitlynn
catriona: katrina catrina caitriona katriona
mhairi: mairi vari
iain: ian ean
seamus: shamus seumas james sheamus
liam: lyam
eamon: eamonn aymon edmund
sian: shan shaan sharn
rhys: reece reese rees rice
rhiannon: rhianon reannon rianon
sioned: janet shoned
ffion: fion fyon
angharad: angarad ankarad
gwenllian: gwenlian
llewelyn: llywelyn lewelyn
dafydd: david daffyd davydd dewi
gethin: gethyn
carys: karys cerys kerys
megan: meghan meagan maegan
lukasz: lucas lukas luca
katarzyna: catherine katherine
aleksandra: alexandra aleksandria oleksandra
aleksander: alexander aleksandr oleksandr alexandr aleksandar aleksandre
agnieszka: agnes agneszka
malgorzata: margaret
elzbieta: elizabeth elisabeta elisaveta yelizaveta
krzysztof: christopher kristof krystof
michal: michael mikhail mykhailo mihai mihail michel mikael
mateusz: matthew mateus mateuz matei matas matej matvei
jakub: jacob jakob yakub jakup
wojciech: woyciech
piotr: peter petr pyotr petro
pawel: paul pavel pavlo pawal
tomasz: thomas tomas
stanislaw: stanislav stanley
andrzej: andrew andrei andrey andrij andriy andre
grzegorz: gregory grigory hryhoriy
jerzy: george yuri yuriy juraj iurie
jan: john ian yan
bartosz: bartholomew bartlomiej
szymon: simon shimon simeon semyon
filip: philip phillip felipe filipe
zofia: sophia sofia sophie sofiya zophia
julia: yulia yuliya iulia giulia juliya
joanna: joan joana ioana yoanna
anna: hanna ana
maja: maya maia mia
zuzanna: susanna suzanna zuzana
oliwia: olivia olyvia
wiktoria: victoria viktoria viktoriya victorija viktorija
hanna: hannah ganna
magdalena: magdalene madalina
ewa: eva ieva yeva
iwona: yvonne ivona
jolanta: yolanda
barbara: varvara
dorota: dorothy
tadeusz: thaddeus
kacper: casper jasper kaspar kasper
franciszek: francis
antoni: anthony antony anton antonio
mikolaj: nicholas nikolai mykola nicolae nikolay mikolai
nikodem: nicodemus
natalia: natalie nataliya natalya
ksenia: xenia oksana kseniya
yulia: yuliya julia iuliia iulia juliya
dmitri: dmitry dmitriy dimitri dmytro dimitrios dumitru
sergei: sergey serhiy sergiu sergio serge serghei
alexei: aleksei alexey oleksiy alexi
vladimir: volodymyr wladimir vladimirs
ivan: john ivo ioan
ekaterina: catherine kateryna yekaterina
tatiana: tatyana tetiana
svetlana: svitlana
olga: olha olya
yevgeny: eugene evgeny evgeniy yevhen jevgenijs
maksim: maxim maksym maksims
nikita: mikita mykyta
bogdan: bohdan
denis: denys dennis deniss
andreea: andrea
stefan: stephen steven stefanos stepan esteban etienne stephane stjepan istvan
gheorghe: george gheorge giorgi georgi georgios
ionut: ioan john
constantin: konstantin konstantinos
elena: helen yelena olena elene helena
jose: joseph giuseppe yosef josef jozef iosif josip
juan: john
joao: john joan
maria: mary marie marija mariya marya
ines: agnes inez
thiago: tiago james diego
luis: louis luiz lewis ludwig luigi
miguel: michael
mateo: matthew matteo
sofia: sophia sophie zofia sofiya
chloe: khloe cloe kloe chloee khloee
isla: ayla eila
zoe: zoey zoie zoee
sara: sarah saarah sarra zara
rachel: rachael rachelle raquel rahel
rebecca: rebekah rebeca rifka rivka
abigail: abigale abbigail abigayle avigail
aimee: amy ami amie amiee aimie
eimear: emer eimhear emir eimer
eve: eva evie
lily: lilly lillie lili lilli
ella: ela elle
ellie: elly elli
isabel: isabelle isobel izabel isabella isabell ysabel izabella ishbel
madison: maddison madisyn madyson
madeleine: madeline madelaine madelyn madalyn madelene
francesca: frances franchesca
lucy: lucie luci lucia lucija
mackenzie: mckenzie makenzie
mikayla: michaela micaela makayla mikhayla mikaela mckayla
mia: miah mya
maisie: maisy maizie
poppy: poppie
phoebe: phebe pheobe
scarlett: scarlet skarlett
skye: sky skie
summer: sommer
tegan: teagan teigan
tahlia: talia thalia taliah tahliah
teresa: theresa therese tereza
tyler: tylar tylor
vivian: vivienne vivien
alan: allan allen alun alain alen
alistair: alasdair alastair alister allister aleister
aidan: aiden aydan ayden adan aden eidan aedan
adrian: adrien adriano hadrian
bailey: baily bayley bailee baylee
brandon: branden brendon brandan brendan
brian: bryan bryn brien
bradley: bradly bradlee
callum: calum kallum colm
cameron: kameron camron camryn
carl: karl charles
casey: kasey kacey kaci caci
christian: kristian cristian christiaan krystian
christina: kristina cristina krystyna khrystyna
christopher: kristopher cristopher kristofer christoph christophe kristoffer
clark: clarke
craig: kraig
curtis: kurtis
darren: daren darran
dylan: dillon dylon dillan dilan
eliot: elliot elliott eliott
erik: eric erick
evan: ifan ivan
finlay: finley findlay finnley fynley
francis: franciszek francois francisco francesco franz
frederick: fredrick frederik fredric friedrich frederic federico
gareth: garth garreth
geoffrey: jeffrey jeffery
george: jorge georg georges giorgio
graham: graeme grahame
gregory: gregor
harry: harri henri
hayden: haydn haiden
hugh: huw hew hugo
jack: jak jac
jacob: jakob jacobo yaakov
jake: jaik jayk
jared: jarod jarrod
jayden: jaden jaiden jaydon jadon jaidan
jamie: jaimie jayme
jesse: jessie jessy
joel: joell yoel
jonathan: johnathan jonathon johnathon jonatan yonatan
jordan: jorden jordyn jourdan
joshua: josua yeshua joshuah jehoshua
kyle: kile kyal
leon: lion
lewis: louis luis lois
logan: logen
louis: louie luis lewis luigi
mark: marc marcus marek marko
martin: martyn marten
matthew: mathew mattias matthias mathias matteo mathieu matthieu
michael: micheal mikael michail michel mikhail michele
mitchell: mitchel
miles: myles
neil: neal niall neill nial
nathan: nathen natan
nicholas: nicolas nikolas nickolas niklas nicolai nicola
oliver: olivier oliwier
oscar: oskar
owen: owain
peter: pieter petros pierre pedro
philip: phillip philippe
rafael: raphael rafal raffael
reuben: ruben reuven rubin
rhian: rian ryan
riley: reilly rylee ryley
robert: roberto rupert
rowan: rohan roan
ryan: rian ryann
samuel: samual shmuel samuil
sebastian: sebastien sebastiaan bastian
simon: shimon simeon
spencer: spenser
stephen: steven stephan stefan stephon stevan
stewart: stuart
stuart: stewart
taylor: tayler tayla
theodore: theodor teodor fyodor
tobias: tobiasz
toby: tobey tobi
tristan: tristram trystan tristen
vincent: vincente vinsent vincenzo
william: wiliam willem guillaume wilhelm
zach: zac zak zack
zachary: zachery zackary zakary
aaliyah: aliyah aliya alia aleah alya
alicia: alisha alysha elisha alesha alisa alyssa
alison: allison alyson
alice: alyce alys
amelia: emilia amelie ameliah amalia
amber: ambar
ashley: ashleigh ashlee ashlie ashly
annabel: annabelle anabel annabella
anne: ann anna annie ana
beatrice: beatrix beatriz
bethany: bethanie bethan
bronte: bronty
brooke: brook
bryony: briony
caroline: carolyn carolina karolina carolin
charlotte: sharlotte charlot karlotta
chelsea: chelsey chelsie
clare: claire clair klara clara
courtney: kourtney cortney
danielle: daniele daniela daniella
deborah: debra debora devorah
diane: diana dianne dyan
eleanor: elinor eleonora ellinor elena eleonore
elizabeth: elisabeth elisabet elspeth isabel
ellen: helen elin elen
emily: emilie emilia emely emmily
emma: ema emmah
erin: eryn erinn
esme: esmee esmae
esther: ester hester
faye: fay fae
gabrielle: gabriella gabriela gabriele
gemma: jemma
georgia: georgina giorgia jorja
georgina: georgiana georgianna
gillian: jillian
grace: gracie grayce
hayley: hailey haley haylie hailee hayleigh
heather: hether
helen: helena ellen elena
holly: hollie holli
imogen: imogene emogen
jane: jayne jean joan
jacqueline: jaqueline jacquelyn jackeline
jade: jaide jayde
jasmine: jasmin yasmin jazmin jasmyn jazmine
jean: jeanne gene jeane
jennifer: jenifer jenefer
jessica: jesica jessika
josephine: josefine jozefina josephina
julie: juli julia
karen: karin caren
kate: cate kait
katherine: catherine kathryn katharine cathryn catharine katarina katrina caterina ekaterina catrin kathrin kateryna
kayleigh: kayley kaylee kaley keeley kayla kaylie
keira: kira kiera kyra kiara
kelly: kelley kellie
kimberley: kimberly kimberlee kimberleigh
kirsty: kirstie kirsti
kirsten: kirstin kristen kristin
lauren: lauryn loren laurin
laura: lora lara
leah: lea lia leia
leanne: leeanne lianne leann
lesley: leslie
louise: luise louisa luisa
lynn: lynne lyn linn
margaret: margarete margarita marguerite margarida
marie: mari mary maria
mary: mari marie maria mairi moira maura
matilda: mathilda mathilde
melissa: mellisa melisa
molly: mollie
naomi: noemi naomie
natasha: natacha
nicole: nikole nichole nicola
nicola: nichola nicole
olivia: alivia olivya
paige: page
paris: parris
rosie: rosy rosey
ruth: rut
sally: sallie
samantha: samanta
shannon: shanon
sharon: sharron sharonne
sheila: shelagh sheelagh sile
sienna: siena
sophie: sophia sofie sofia
stephanie: stefanie stephany stefania
susan: susanne suzanne susanna suzan
sylvia: silvia
tara: taragh
toni: tony
tracy: tracey tracie
valerie: valery
victoria: viktoria vittoria
wendy: wendi
yvonne: evonne
chukwuemeka: chukwemeka
nnamdi: namdi
kwame: kwami kwamena
kwesi: kwasi kofi
oluwatobi: oluwatobiloba
ngozi: ngozichukwu
chidi: chidiebere
tendai: tendayi
hodan: hodhan
abdi: cabdi
warsame: warsama
nimco: nimo
deqa: deka
xiaoming: hsiaoming siuming
wei: wai
ming: meng
jing: ching
xin: hsin sin
hui: huei
jun: chun
yi: yee
mei: may mui
ling: leng
zhi: chi
`;

/** Short and pet forms that the English list lacks. */
export const FORMS = `
mohammed: mo moe
abdullah: abdul abdi abz
abdulrahman: abdul rahman abdi
abdulkarim: abdul karim
abdulaziz: abdul aziz
abdulqadir: abdul qadir
ibrahim: ibby ibi ibra abraham brahim
yusuf: joseph joe yusi
ismail: izzy ish
isaac: zac ike izzy
yaqub: jacob james
yahya: john
musa: moses
sulaiman: sully solly
daud: david
ishmael: ish
zakariya: zak zack zach zakky zac zachary
mustafa: mus musty
hamza: hamz
hassan: has
hussein: hus huss
aisha: ash aish eesha
fatima: fati fatou tima timmy
khadija: dija khad deeja
maryam: mary maz marie
zaynab: zee zay nabs
yasmin: yas yaz
safiya: saf saffy
aaliyah: ali liyah
gurpreet: preet guri gp
harpreet: preet harry harps
manpreet: preet mani
jaspreet: preet jas jassi
simran: sim simi
harjit: harry harj
harjinder: harry harj
jaswinder: jas jassi
kulwinder: kully
balwinder: bal
sukhdeep: sukh
sukhvinder: sukh
amandeep: aman
rajinder: raj
rajesh: raj raju
rajendra: raj raju
suresh: sunny
krishna: krish
vikram: vik vicky
aditya: adi
siddharth: sid
aniruddha: ani
venkatesh: venky venkat
thanushan: thanu
kirushan: kiru
siobhan: shiv shivs vonnie
niamh: nee
padraig: paddy pat
seamus: jim jimmy jamie
tadhg: tim
eoghan: eugene
caoimhe: kee
roisin: rose ro
mairead: margaret peg
grainne: grace
aisling: ash
ruairi: roderick roger
diarmuid: derry jeremiah
conchobhar: conor con
gwenllian: gwen
llewelyn: llew lyn lew
dafydd: dai daf taffy
ieuan: ivan evan john
myfanwy: myf
angharad: ann
katarzyna: kasia kaska kate katie kat
kasia: katarzyna catherine
aleksandra: ola olka alex sasha sandra
aleksander: olek alex sasha aleks
alexander: sasha alek lex xander zander sandro alistair alejandro
alexandra: sasha sandra lexi alexa alex ola
agnieszka: aga agus
malgorzata: gosia maggie malgosia
elzbieta: ela
krzysztof: krzys krzysiek chris kris
wojciech: wojtek voytek
bartlomiej: bartek bart
bartosz: bartek bart
grzegorz: grzes greg
mateusz: matt mati
lukasz: luke luki luka
jakub: kuba kubus
pawel: pawelek paul
michal: misiek mike michas
tomasz: tomek tom
piotr: piotrek peter pete
kacper: kacperek
joanna: asia joasia jo
anna: ania anka anya annushka nan
zuzanna: zuzia zuza zuzka
zofia: zosia
magdalena: magda madzia lena
natalia: nati natalka nat natasha
julia: julka jula
wiktoria: wika wiki viki
oliwia: oliwka liv
maria: marysia masha mania maja marika
barbara: basia
ewa: ewka
dorota: dorotka dorka
marta: martusia
hanna: hania
emilia: emilka mila
dominik: dom domino
dominika: nika domi
sebastian: seba seb bas
szymon: szymek
stanislaw: staszek stan stas
franciszek: franek frank
antoni: antek tony
nikolai: kolya nick
dmitri: dima mitya
sergei: serge seryozha
vladimir: vova volodya vlad
ivan: vanya
alexei: alyosha lyosha
ekaterina: katya kate
tatiana: tanya tania
svetlana: sveta lana
olga: olya
yevgeny: zhenya eugene
maksim: max maks
natasha: natalia natalie nat tash
mihaela: michaela miha
gheorghe: gigi
constantin: costel costi kostya
ionut: ionel john
elena: lena lenuta helen
stefan: steve
jose: pepe joe
francisco: paco pancho frank
guillermo: memo william
roberto: beto
eduardo: edu lalo
rafael: rafa
ricardo: rick
joao: joaozinho
ana: anita
beatriz: bia
isabel: isa bel bella izzy
luiza: lu
oluwaseun: seun
oluwaseyi: seyi
oluwatobi: tobi
oluwatosin: tosin
oluwafemi: femi
oluwadamilola: dami damilola
oluwakemi: kemi
temitope: temi tope
ayodele: ayo dele
ayomide: ayo mide
adebayo: ade bayo
adeola: ade ola
adewale: wale ade
olawale: wale ola
babatunde: tunde baba
olatunde: tunde ola
olufemi: femi olu
folasade: sade fola
funmilayo: funmi layo
omolara: lara omo
titilayo: titi layo
bolanle: bola
morenike: nike
chukwuemeka: emeka chuks
chukwudi: chudi chuks
chinedu: nedu chi
chidiebere: chidi
chinwe: chi
chioma: chi
chiamaka: amaka
chinonso: nonso
ikechukwu: ike iyke
uchenna: uche
obinna: obi
kelechi: kc kele
ebere: ebi
emmanuel: emma manny mannie imanuel immanuel manu
emmanuella: emma ella
kwabena: kobby kobe ebo
kwame: kwam
kofi: fiifi
akosua: esi
abena: abi
tendai: ten
tapiwa: tapi
tatenda: tate
thandiwe: thandi
nomvula: nom
kamogelo: kamo
peggy: margaret
benedict: ben bennet
benjamin: ben benji benjy benny
alfred: alf alfie fred freddie
albert: bert bertie al albie
archibald: archie baldie
arthur: art artie
charles: charlie chas chaz chuck karl carl
charlotte: charlie lottie lotte char
edward: ed eddie ted teddy ned ward
edmund: ed eddie ted ned
frederick: fred freddie freddy rick
george: georgie geordie
georgia: george georgie
georgina: george georgie gina
harold: harry hal
harriet: hattie harri harry
henry: harry hal hank
jack: john jackie jacko
john: jack johnny ian jon johnnie hans
isabella: bella izzy issy ibby
imogen: immy immie
jacob: jake jay
james: jim jimmy jamie jem jimbo
jessica: jess jessie jessy
jonathan: jon jonny jonty
joseph: joe joey jo
joshua: josh joss
lachlan: lachie lockie
laura: laurie
leonard: len lenny leo
leonardo: leo lenny
leopold: leo
louis: lou
louisa: lou lula
lucas: luke luca
madeleine: maddie maddy
margaret: peggy peg meg megan maggie madge daisy greta rita maisie
martha: marty
mary: molly polly may mamie mimi
matilda: tilly tilda mattie mat tillie
matthew: matt matty
maximilian: max
maxwell: max
megan: meg
michael: mick mike mickey mikey micky
millicent: millie
nathan: nate nat
nathaniel: nate nat nathan
nicholas: nick nicky nico klaus
oliver: ollie olly noll
olivia: liv livvy livia ollie
patrick: pat paddy rick
patricia: pat trish tricia patsy
philippa: pippa pip
philip: phil pip
rebecca: becky becca bex
reginald: reg reggie
richard: rich rick dick ricky richie dickie
robert: bob bobby rob robbie bert
roderick: rod roddy
rosemary: rose rosie
rupert: rupe
samantha: sam sammy
samuel: sam sammy
sarah: sally sadie
sophia: sophie soph
sophie: soph
stanley: stan
stephen: steve stevie
stephanie: steph stephie
theodore: theo ted teddy
theodora: dora thea theo
theresa: tess terry tessa
thomas: tom tommy tomos
timothy: tim timmy
tobias: toby
veronica: ronnie vera
victoria: vicky vikki tori vic queenie
vincent: vince vinny
walter: walt wally
wilfred: wilf fred
wilhelmina: billie mina
william: bill billy will willie liam wills
winifred: winnie fred freda
xavier: xav javier
zachary: zach zack zak zac
daniel: dan danny
danielle: dani danny
david: dave davey dai
dominic: dom nick
dorothy: dot dolly dottie
eleanor: ellie nell nora nellie
elizabeth: liz lizzie beth betty bess eliza libby lisa elsie betsy lilibet ella
ellen: nell ellie
emily: em emmy millie
emma: em
evelyn: evie eve
frances: fran frankie fanny
francesca: fran frankie chessy
francis: frank frankie fran
gabriel: gabe
gabriella: gabby ella
genevieve: gen eve
gregory: greg
katherine: kate katie kathy kitty kat kay kathleen
kimberley: kim
zoe: zo
caitlin: cait kate
cameron: cam
catherine: cathy kate katie cath kitty cate kathleen
christina: chris tina chrissie
christine: chris chrissie tina
christopher: chris kit topher
abigail: abby abbie abi gail
adrian: ade
alan: al
alasdair: ali al
amelia: millie mia amy amie
amanda: mandy
andrew: andy drew
angela: angie ange
annabel: bella anna belle
anthony: tony ant
antonia: toni
arabella: bella
augustus: gus
barnaby: barney
beatrice: bea trixie
bernadette: bernie
bethany: beth
bradley: brad
cassandra: cass cassie sandra
cecilia: celia cissy
cordelia: delia
cornelius: con neil
daphne: daph
deborah: debbie deb
jennifer: jen jenny
gerald: gerry jerry
gerard: gerry ged
gwendoline: gwen
hugh: huey hughie
jacqueline: jackie
jeremy: jez jerry jem
jemima: mima jem
josephine: jo josie
joanne: jo
juliet: jules
kenneth: ken kenny
lawrence: larry laurie lol
lillian: lily lil
lucille: lucy
mabel: may
malcolm: malc mal
marcus: mark
marjorie: marge
maurice: mo morrie
maureen: mo
montgomery: monty
nigel: nige
norman: norm
penelope: penny
peter: pete
priscilla: cilla
prudence: pru
raymond: ray
ronald: ron ronnie
rowena: ro
russell: russ
sidney: sid
susan: sue susie
terence: terry
valentina: val tina
vivienne: viv
yvonne: eve
jerzy: jurek
jan: janek
jolanta: jola
tadeusz: tadek
mikolaj: miki
olumide: mide
babajide: jide
omotola: tola
modupe: dupe
ifeoma: ify
geoffrey: geoff jeff
`;

/** Family names written otherwise. */
export const FAMILY_SPELLINGS = `
mohammed: muhammad mohamed mohammad muhammed mohamad mohamud
ahmed: ahmad ahmet
hussain: hussein husain hossain hossein
hassan: hasan
khan: kahn
shaikh: sheikh shaykh sheik
choudhury: chowdhury chaudhry choudhary chaudhary chaudhuri chowdry choudhry chaudri chowdhary
siddiqui: siddique siddiqi sidiqi
rahman: rehman rahmaan
qureshi: koreshi quraishi kureshi
malik: maalik
mirza: meerza
begum: begam
khatun: khatoon
uddin: udin ud
singh: sing
kaur: kour
patel: pattel
shah: sha
gupta: gupte
sharma: sarma
banerjee: bannerjee bandyopadhyay banerji
mukherjee: mukherji mookerjee mukhopadhyay
chatterjee: chatterji chattopadhyay
bose: basu
dutta: datta dutt
ghosh: ghose
chan: chen tan chin
wong: wang huang hwang ong
lee: li lei ly
cheung: zhang chang cheong teo
lau: liu low lieu
ng: wu goh woo
leung: liang leong
chow: zhou chou chew
yeung: yang young
kwok: guo kuo quek
lam: lin lim
tsang: zeng tseng
tse: xie hsieh
hui: xu hsu khoo
ho: he
cheng: zheng tay
chiu: zhao chao
yip: ye yeh
ma: mah
mak: mai
poon: pan pun
siu: xiao hsiao
tang: deng teng
to: du tu
tong: tang
yu: yue
yuen: yuan ruan
fung: feng
hung: hong kong
kwan: guan
law: luo lo
lui: lu lyu
mok: mo
pang: peng
sin: xian
so: su
sung: song soong
tam: tan
wan: yun
yau: qiu
nguyen: nguyn nyugen ngyuen
tran: chan
osullivan: sullivan osuilleabhain
obrien: brien obriain
oconnor: connor oconor conor
oneill: neill oneil neil
oreilly: reilly oraghallaigh
odonnell: donnell odonell
okeeffe: okeefe keeffe
mcgee: magee mghee
mccarthy: macarthy mccarty
maguire: mcguire
macdonald: mcdonald
mackenzie: mckenzie
macleod: mcleod
smith: smyth smythe schmidt
brown: browne braun
clark: clarke
green: greene
white: whyte
taylor: tayler tailor
davies: davis davey
davis: davies
evans: evan
johnson: johnston johnstone jonson
stephenson: stevenson stephensen
stevens: stephens
philips: phillips
reid: reed read
moore: more muir
thompson: thomson tomson
allen: allan alan
anderson: andersen andersson
nicholson: nicolson
harris: harries
hughes: hewes
matthews: mathews mathew
wright: right
rogers: rodgers
roberts: robert
robertson: roberson
rees: reece reese rhys
lewis: louis
meredith: meredyth
lloyd: loyd floyd
llewellyn: llewelyn lewellyn
gallagher: gallacher gallaher
doherty: docherty dougherty
byrne: burn burns
kelly: kelley
kowalski: kowalska kovalski
nowak: novak
wisniewski: wisniewska
wojcik: wojcyk
kowalczyk: kovalchik kowalchuk kovalchuk
kaminski: kaminska
lewandowski: lewandowska levandovski
zielinski: zielinska
szymanski: szymanska
wozniak: vozniak
dabrowski: dabrowska dombrowski dombrovski
kozlowski: kozlowska
jankowski: jankowska
wojciechowski: wojciechowska
kwiatkowski: kwiatkowska
piotrowski: piotrowska
grabowski: grabowska
pawlowski: pawlowska
michalski: michalska
ivanov: ivanova ivanoff
petrov: petrova
popescu: popesku
schwartz: schwarz swartz
schneider: snyder schnyder
mueller: muller moller
meyer: meier mayer maier myer
hoffmann: hoffman hofmann hofman
rodriguez: rodrigues
gonzalez: gonzales goncalves
fernandez: fernandes
martinez: martins martines
lopez: lopes
gomez: gomes
perez: peres
sanchez: sanches
alvarez: alvares
dasilva: silva
dossantos: santos
adeyemi: adeyemo
okafor: okafo okeke
mensah: mensa
asante: ashanti
boateng: boatang
owusu: owuso
abdi: cabdi
warsame: warsama
hirsi: xirsi
`;
