/* Made by src/tools/make_unicode.c from Unicode 15.0.0; do not edit.
   The format is explained in io/unicode.c. */

static const ft__unicode_kind ft__unicode_kinds[] = {
    {FT__UNICODE_LU, FT__UNICODE_CASED},
    {FT__UNICODE_LT, FT__UNICODE_CASED},
    {FT__UNICODE_LL, FT__UNICODE_CASED},
    {FT__UNICODE_LM, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_LO, FT__UNICODE_PLAIN},
    {FT__UNICODE_LO, FT__UNICODE_CASED},
    {FT__UNICODE_M, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_M, FT__UNICODE_PLAIN},
    {FT__UNICODE_ND, FT__UNICODE_PLAIN},
    {FT__UNICODE_NO, FT__UNICODE_PLAIN},
    {FT__UNICODE_NO, FT__UNICODE_CASED},
    {FT__UNICODE_P, FT__UNICODE_PLAIN},
    {FT__UNICODE_P, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_S, FT__UNICODE_PLAIN},
    {FT__UNICODE_S, FT__UNICODE_IGNORABLE},
    {FT__UNICODE_S, FT__UNICODE_CASED},
    {FT__UNICODE_Z, FT__UNICODE_PLAIN},
    {FT__UNICODE_CONTROL_SPACE, FT__UNICODE_PLAIN},
    {FT__UNICODE_C, FT__UNICODE_PLAIN},
    {FT__UNICODE_C, FT__UNICODE_IGNORABLE},
};
#define FT__UNICODE_ALTERNATING 20

static const char ft__unicode_low[] = /* 'A' + kind of U+0000..U+07FF */
    "SSSSSSSSSRRRRRSSSSSSSSSSSSSSSSSSQLLLNLLMLLLNLLMLIIIIIIIIIIMLNNNL"
    "LAAAAAAAAAAAAAAAAAAAAAAAAAALLLOLOCCCCCCCCCCCCCCCCCCCCCCCCCCLNLNS"
    "SSSSSRSSSSSSSSSSSSSSSSSSSSSSSSSSQLNNNNNLONFLNTNONNJJOCLMOJFLJJJL"
    "AAAAAAAAAAAAAAAAAAAAAAANAAAAAAACCCCCCCCCCCCCCCCCCCCCCCCNCCCCCCCC"
    "ACACACACACACACACACACACACACACACACACACACACACACACACACACACACCACACACA"
    "CACACACACCACACACACACACACACACACACACACACACACACACACACACACACAACACACC"
    "CAACACAACAAACCAAAACAACAAACCCAACAACACACAACACCACAACAAACACAACCEACCC"
    "EEEEABCABCABCACACACACACACACACCACACACACACACACACACCABCACAAACACACAC"
    "ACACACACACACACACACACACACACACACACACACACACACACACACACACCCCCCCAACAAC"
    "CACAAAACACACACACCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
    "CCCCCCCCCCCCCCCCCCCCECCCCCCCCCCCCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD"
    "DDOOOODDDDDDDDDDDDOOOOOOOOOOOOOODDDDDOOOOOOODODOOOOOOOOOOOOOOOOO"
    "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG"
    "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGACACDOACSSDCCCLA"
    "SSSSOOAMAAASASAACAAAAAAAAAAAAAAAAASAAAAAAAAACCCCCCCCCCCCCCCCCCCC"
    "CCCCCCCCCCCCCCCACCAAACCCACACACACACACACACACACACACCCCCACNACAACCAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACCCCCCCCCCCCCCCC"
    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCACACACACACACACACACACACACACACACAC"
    "ACNGGGGGGGACACACACACACACACACACACACACACACACACACACACACACACACACACAC"
    "AACACACACACACACCACACACACACACACACACACACACACACACACACACACACACACACAC"
    "ACACACACACACACACACACACACACACACACACACACACACACACACSAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAASSDLLLLLMCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
    "CCCCCCCCCLLSSNNNSGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGLG"
    "LGGLGGLGSSSSSSSSEEEEEEEEEEEEEEEEEEEEEEEEEEESSSSEEEELMSSSSSSSSSSS"
    "TTTTTTNNNLLNLLNNGGGGGGGGGGGLTLLLEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"
    "DEEEEEEEEEEGGGGGGGGGGGGGGGGGGGGGIIIIIIIIIILLLLEEGEEEEEEEEEEEEEEE"
    "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"
    "EEEEEEEEEEEEEEEEEEEELEGGGGGGGTNGGGGGGDDGGNGGGGEEIIIIIIIIIIEEENNE"
    "LLLLLLLLLLLLLLSTEGEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEGGGGGGGGGGGGGGGG"
    "GGGGGGGGGGGSSEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE"
    "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEGGGGGGGGGGGESSSSSSSSSSSSSS"
    "IIIIIIIIIIEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEGGGGGGGGGDDNLLLDSSGNN";

static const ft__unicode_line ft__unicode_lines[] = {
    {0x0, "p(l$p1eRXQTRXQTPG)TPZQ&9R]P].9PXPXp%ip9eP[$P]X7PXqX]YI]+PT]H7PJP"},
    {0xC0, "&6X&&.7X.'xX$+x/+xOx%,$+#+$+%,&#+$+%-$+$+x$x#+#+$+%+#+$,3#-6##'+"},
    {0x1C7, "#'+#'+x/+x1+#'+#+%+xZ$.%$+$,#+&#+x'.e$3.:21`#2+`-2$`&/]/`0>d%x#/"},
    {0x375, "]#+n/-P#p#^#T%m#m$+&0m&(.C#,%-x7.##+X#+$,&S$.PxBX>&xW$x-+xS%m&Fn"},
    {0x559, "/S$T.IQnZm>MP;P<P<P;p'6:p#6#PTp*t%ZQXQY>*PqR6@/6)>4G)S#4;6V%P3>&"},
    {0x6DD, "qX>%0<X>#4G)5Y3S-mq3;6=>:n6z$>*3p-G)6A>(0XR/n;Y65>#/>(/=/>$nS.m"},
    {0x840, "68=nPm6*p$67]6%mrp%>'6I/>7q>@@6V$;@;3B>'C#;A3>&6)<QG)P/6.;Am6'n4"},
    {0x991, "n65m6&m3o6#n;3B>#nAnA;3p'@p#4m5<nG)4YK%Y3P;n<@m6%p#4n65m6&m4m4m4"},
    {0xA3A, "n;mB<p#<n=o;p&6#m3p&G)<5;Pp)<@m6(m5m65m6&m4m6$n;3B>$m<@mA;n3p.4<"},
    {0xAE4, "nG)PXp&3>%m;Am6'n4n65m6&m4m6$n;3@;@>#nAnA;p&<@p#4m5<nG)X3K%p);3m"},
    {0xB85, "6%o5m6#o4m3m4o4o5o6+p#A;AoBmB;n3p%@p-G)J['p$;B;6'm5m66m6/n;3=C#m"},
    {0xC46, "=m>#p&<m5n3n4<nG)p&PK&X3;AP6'm5m66m6)m6$n;3@;C$m;AmA<p&Ap%4m4<n"},
    {0xCE6, "G)m4@p+<A6(m5m6I<3B>#mBmB;3Xp#5@K&5<nG)K(X6%m;Am61o67m6(m3n6&o;"},
    {0xDCB, "p#B=m;mC'p%G)nAPp+6P;4>&p#X6%/>'PG)QpE4m3m6$m67m3m6);4>(3n6$m/m"},
    {0xEC8, ">&mG)n6#p@3ZS.XPZ<[%G)K)X;X;X;S#A6'm6Dp#>-@>$P<6$>*m>Dm[';[%mYS$"},
    {0xFD5, "[#QpE6KA>#@>%@<A<3G)S%6%A<6#=3B4C&5>#6,;A<C%;3@G)B;Y&Fm#p$#n.KP/"},
    {0x10FD, "-6[*m6#n6&m3m6#n6Im6#n6Am6#n6&m3m6#n6.m6Y$m6#n6d$n=S(K3o6/[)p%"},
    {0x13A0, "&w$n.%nP6q0XP60e69Qo6l$RJ6'p&61=@p(62<@Qp(61<p+6,m5m<p+6T$<@>&C'"},
    {0x17C6, ";A>*R/RX3;nG)p%K)p%S*=q;G)p%6C/6U$p&6$<6B;3p$6g$p)6>m=C#<Bp#A;C%"},
    {0x1939, "=p#XoQG)6=n6$p*6Lp#69p%G)Ho[B66<A;nQ6U$@;@>&m;@;A>'C%>)n;G)p%G)"},
    {0x1A9A, "p%S&/S%n>>pQ$>#@6O;@>$@;C$;A6'oG)S&[)>([(Qm<@6=@>#A<@=4G)6L;@<B;"},
    {0x1BEE, "@=Ap'S#6DC'>'A<oS$G)o5G)6=2%Q.(p&&Kn%S'p'=P>,@>&6#;6%;4@<3p$.L"},
    {0x1D2C, "2`$.,/.B2E>a$x]&.'xU%.'&'.%n&%n.'&'.'&'.%n&%n.'m#m#m#m#.'&'.-n.'"},
    {0x1F88, "*'.'*'.'*'.$m,&#']+_-m,&#'_.#n,&#m_.'&$_n-m,&#'^mh*t$S'US)TQTft$"},
    {0x202F, "eS3XS,XS+et$mt)H/nK%ZQ/K)ZQm2,o[Ap.>Ap.Y#[##Y+%,%+X#Z&$[%#X#X#X"},
    {0x212A, "&#X+&#+6#+Y,$[$#.#[#+XK/O@J#+K$Yp#[^+S#[<Q[i(p8[*p4K]$[9dT$K5[m0"},
    {0x2768, "S-K=[Q$Q[>S)[y+S5[`$S#[@Q[[+n[@m[]%&P.P#+%,x&%+#,#.%0%+xU%+[%x#="},
    {0x2CF2, "#+p$S#HQ.Fm+p$+n6X$p&/Pp-;66p(6&m6&m6&m6&m6&m6&m6&m6&m>@SO/S@YS+"},
    {0x2E5E, "pB[9m[z$p+[p'p9[+p#eRX/3HS)YS+XK(>#AP2$YJ/3PYm6w$n<^03P6{$P13p$"},
    {0x3105, "6Km6Q%mYK#[)6@[Dp+6/[>mK)[=K'XK.[@K)[GK.[R*6d]&[a$6yb-/6`<o[W$p("},
    {0xA4D0, "6H2%Q6y(/R6/G)4p3xN3>#P>)P/x;0<6g$K)<S%p'`62(^x-,x_$/.'x$x)/^x#3"},
    {0xA790, "x#,x4&#+&$+x.%+#+p$#+m+m+x#p71#+30+6&;5;6#;66A<@[#;oK%[#p%6T$S#"},
    {0xA878, "p'A6R$C/<p'QG)p%>16%R3P4;G)6;>'Q66>*Ap*P6<o=@6O;A>#A<BS,m/G)p#Q"},
    {0xA9E0, "6$;/6(G)6$m6I>%A<A<p(5;6';@nG)nS#6//6%Z3@;@6R$;3=4<6$<3;3p74/Q6*"},
    {0xAAEB, "@<AQ30@;p)6%n6%n6%p(6&m6&m.K]2#.(/^p#.q$6CA;A;AP@;nG)p%6Yi(p+66"},
    {0xD7C7, "p#6Q$psX'6S+n6^%pF.&p+.$p$3;6)X6,m6$m3m4m4m6`%`0p/6~*Q[/6a$n6V$"},
    {0xFDC8, "p&Xp@6+[#>/RTS%p%>/SBTmPTS+XPZmPXQp#6$m6{%nqmRXQTRXQTPG)TPZQ&9R]"},
    {0xFF3F, "P].9PXPXS&6)/6M06>o6%n6%n6%n5oZ]Zm[&p)sYn6+m69m62m4m6.n6-pB6o%p$"},
    {0x10100, "Rp#KMo[(KY$[0IZm[,oXpO[M;pv%6<o6Q$p.;K:p#6@K#p(63H6'Hp$6F>$p$6=m"},
    {0x1039F, "P6Dp#6'PK$pJ&H.H6o$nG)p%&Dp#.Dp#6Hp'6T$p*P&*m&.m&&m$m.*m..m.&m,"},
    {0x105BD, "pd$6w)p(65p)6'p72%m2Jm2(pf$6%n3m6Lm4o3n66mPK'66YK&6>p'K(pP62m4p$"},
    {0x108FB, "K$65K%oP69p$Ppa$6X$p#I4K/nKN3=m<p$>#6#m5m6<n=p#;K(p&S(p&6<IP6<J"},
    {0x10AA0, "p@6'X6;<p#K$S&p(6V$oS&65nK'62p$K'61p&S#p+K&pq$6j$pW$&S$p,.S$p&K%"},
    {0x10D00, "6D>#p'G)pf)K>m6Jm<Pn4pl$=6<K)3p'65>*K#S$p561>#S#pF64K&p366p(@;@"},
    {0x11003, "6U$>.S&p#K3G);4<3p(=@6MB>#A<QqS#;p)qn68p&G)p%=6D>$@>'mG)S#3A3p'"},
    {0x11150, "6C;Q3p(<@6PB>(A6#S#>#P@;G)3P3RmK3p*61m68B=A;@<S%;4;p_$6&m3m6#m6."},
    {0x1129E, "m6)Pp%6O;B>'p$G)p%<Am6'n4n65m6&m4m6$m<3A;C#nAnBn3p%@p$6$An>&o>$"},
    {0x11375, "pQ&6U$B>'A=@;6#S$G)QmP;5p=6PB>%@;C#<@<4P3p'G)pm&6OB>#nC#<@<S66#<"},
    {0x115DE, "pB6PB>'A;@<R3p*G)p%S,p26K;@;A>%@;3Pp%G)pV$6:n=A>#@>$p#G)IRX6&pR'"},
    {0x11800, "6LB>(@<PpW%&@.@G)K(p+6'n3n6'm4m67C%mAn<@;3@3@;Rp(G)pg$6'n6GB>#n<"},
    {0x119DC, "C#;3P3@p:3>)6H>%@3>#S';p'3>%A=6N>,@<R3S$p,6j$p&S)pc(6(m6E@>&m>%@"},
    {0x11C3F, ";3S$p)G)K2oQ6=n>5m@>&@<@<pj$6&m4m6F>%o;m<m>&3;p'G)p%6%m4m6@C$m<m"},
    {0x11D93, "A;@;3p&G)pv)62<AQp&<3@6,m6BA>$oA;@;S,G)pw$3p.K4[<p,P6d7pY%Kc%mS$"},
    {0x12475, "p*6^'ph_$6T%Qp,6s:t/;6%>.pR~$6y/pt]'6k/p&6>mG)p#Q6p$mG)p%6=n>$P"},
    {0x16AF6, "p)6P>&S$[#2#PXp)G)mK&m64p$62pZ2&@.@K6S#pX%6l$p#;3CW$p&>#2,pa$0P/"},
    {0x16FE4, ";p*Ap-6^R&p'6e>pJ6(pgd'2#m2&m0m6c)p.3p<5n3p-6#p'6r+pZW$6_%p$6,o"},
    {0x1BC80, "6(p&6)nX<Pt#pb`%>Nn>6p([h%p]$[c(p)[Gn[]$A=ZC%t'>'Y>&[=>#[^$p4[c$"},
    {0x1D242, "=Xpn%K3p+K3p+[x$p(K8p{%&9.9&9.&m.1&9.9#m$n#n$n&#m&'.#m+m.&m.*&9"},
    {0x1D4EA, ".9$m&#n&'m&&m.9$m&#m&$m#o&&m.9&9.9&9.9&9.9&9.9&9.9&9.;n&8X.8X.%"},
    {0x1D6E2, "&8X.8X.%&8X.8X.%&8X.8X.%&8X.8X.%#+nGR$[_.>W$[#>R$[';[-;YS$p.>$m"},
    {0x1DAA1, ">.pf;.)3.3p%.%po'>&m>0n>&m<m>$p$2_$pA;pd%6Mo>&2&nG)p#3XpR*6=;p0"},
    {0x1E2C0, "6L>#G)p$Xp[-6:/>#G)pd36&m6#m4m6.m6_'nK(>&pI&B.B>&/p#G)p#Qpb4K[$X"},
    {0x1ECAD, "JXK#pm$KMXK.p['6#m6:m4m3n3m6)m6#m3m3p%3p#3m3m3m5m4m3n3m3m3m3m3m4"},
    {0x1EE63, "m3n6#m6&m6#m6#m3m6)m60p$5m6$m60pT$Yp{([Lp#[W%p+[.n[.m[.m[Ep)K,[C"},
    {0x1F130, "d9[%d9[%d9[DpX$[<p,[Lp#[(p&Yp-[%pa&[h(`$[U3p#[0o[,o[k%p#[R%p%[+"},
    {0x1F7EC, "p#Xp.[+p#[X$p'[)p%[Hp'[=nYpo$[g*p+[-n[,o[(p&[Nm[&p'[-p#[(p&[(p&"},
    {0x1FB00, "[Y&m[W$pEG)pv96]U8p@6[S%p%6x'n6}w%p-6~p&pyi$6}.pcE6pe%p$6TT%"},
    {0x323B0, "pwgv*qp=tS%pt%>](p}wW%"}};

static const ft__unicode_case ft__unicode_lower[] = {
    {0x41,26,1,32},{0xC0,23,1,32},{0xD8,7,1,32},{0x100,24,2,1},{0x130,1,1,-199},{0x132,3,2,1},
    {0x139,8,2,1},{0x14A,23,2,1},{0x178,1,1,-121},{0x179,3,2,1},{0x181,1,1,210},{0x182,2,2,1},
    {0x186,1,1,206},{0x187,1,1,1},{0x189,2,1,205},{0x18B,1,1,1},{0x18E,1,1,79},{0x18F,1,1,202},
    {0x190,1,1,203},{0x191,1,1,1},{0x193,1,1,205},{0x194,1,1,207},{0x196,1,1,211},{0x197,1,1,209},
    {0x198,1,1,1},{0x19C,1,1,211},{0x19D,1,1,213},{0x19F,1,1,214},{0x1A0,3,2,1},{0x1A6,1,1,218},
    {0x1A7,1,1,1},{0x1A9,1,1,218},{0x1AC,1,1,1},{0x1AE,1,1,218},{0x1AF,1,1,1},{0x1B1,2,1,217},
    {0x1B3,2,2,1},{0x1B7,1,1,219},{0x1B8,1,1,1},{0x1BC,1,1,1},{0x1C4,1,1,2},{0x1C5,1,1,1},
    {0x1C7,1,1,2},{0x1C8,1,1,1},{0x1CA,1,1,2},{0x1CB,9,2,1},{0x1DE,9,2,1},{0x1F1,1,1,2},
    {0x1F2,2,2,1},{0x1F6,1,1,-97},{0x1F7,1,1,-56},{0x1F8,20,2,1},{0x220,1,1,-130},{0x222,9,2,1},
    {0x23A,1,1,10795},{0x23B,1,1,1},{0x23D,1,1,-163},{0x23E,1,1,10792},{0x241,1,1,1},
    {0x243,1,1,-195},{0x244,1,1,69},{0x245,1,1,71},{0x246,5,2,1},{0x370,2,2,1},{0x376,1,1,1},
    {0x37F,1,1,116},{0x386,1,1,38},{0x388,3,1,37},{0x38C,1,1,64},{0x38E,2,1,63},{0x391,17,1,32},
    {0x3A3,9,1,32},{0x3CF,1,1,8},{0x3D8,12,2,1},{0x3F4,1,1,-60},{0x3F7,1,1,1},{0x3F9,1,1,-7},
    {0x3FA,1,1,1},{0x3FD,3,1,-130},{0x400,16,1,80},{0x410,32,1,32},{0x460,17,2,1},{0x48A,27,2,1},
    {0x4C0,1,1,15},{0x4C1,7,2,1},{0x4D0,48,2,1},{0x531,38,1,48},{0x10A0,38,1,7264},
    {0x10C7,1,1,7264},{0x10CD,1,1,7264},{0x13A0,80,1,38864},{0x13F0,6,1,8},{0x1C90,43,1,-3008},
    {0x1CBD,3,1,-3008},{0x1E00,75,2,1},{0x1E9E,1,1,-7615},{0x1EA0,48,2,1},{0x1F08,8,1,-8},
    {0x1F18,6,1,-8},{0x1F28,8,1,-8},{0x1F38,8,1,-8},{0x1F48,6,1,-8},{0x1F59,4,2,-8},
    {0x1F68,8,1,-8},{0x1F88,8,1,-8},{0x1F98,8,1,-8},{0x1FA8,8,1,-8},{0x1FB8,2,1,-8},
    {0x1FBA,2,1,-74},{0x1FBC,1,1,-9},{0x1FC8,4,1,-86},{0x1FCC,1,1,-9},{0x1FD8,2,1,-8},
    {0x1FDA,2,1,-100},{0x1FE8,2,1,-8},{0x1FEA,2,1,-112},{0x1FEC,1,1,-7},{0x1FF8,2,1,-128},
    {0x1FFA,2,1,-126},{0x1FFC,1,1,-9},{0x2126,1,1,-7517},{0x212A,1,1,-8383},{0x212B,1,1,-8262},
    {0x2132,1,1,28},{0x2160,16,1,16},{0x2183,1,1,1},{0x24B6,26,1,26},{0x2C00,48,1,48},
    {0x2C60,1,1,1},{0x2C62,1,1,-10743},{0x2C63,1,1,-3814},{0x2C64,1,1,-10727},{0x2C67,3,2,1},
    {0x2C6D,1,1,-10780},{0x2C6E,1,1,-10749},{0x2C6F,1,1,-10783},{0x2C70,1,1,-10782},
    {0x2C72,1,1,1},{0x2C75,1,1,1},{0x2C7E,2,1,-10815},{0x2C80,50,2,1},{0x2CEB,2,2,1},
    {0x2CF2,1,1,1},{0xA640,23,2,1},{0xA680,14,2,1},{0xA722,7,2,1},{0xA732,31,2,1},{0xA779,2,2,1},
    {0xA77D,1,1,-35332},{0xA77E,5,2,1},{0xA78B,1,1,1},{0xA78D,1,1,-42280},{0xA790,2,2,1},
    {0xA796,10,2,1},{0xA7AA,1,1,-42308},{0xA7AB,1,1,-42319},{0xA7AC,1,1,-42315},
    {0xA7AD,1,1,-42305},{0xA7AE,1,1,-42308},{0xA7B0,1,1,-42258},{0xA7B1,1,1,-42282},
    {0xA7B2,1,1,-42261},{0xA7B3,1,1,928},{0xA7B4,8,2,1},{0xA7C4,1,1,-48},{0xA7C5,1,1,-42307},
    {0xA7C6,1,1,-35384},{0xA7C7,2,2,1},{0xA7D0,1,1,1},{0xA7D6,2,2,1},{0xA7F5,1,1,1},
    {0xFF21,26,1,32},{0x10400,40,1,40},{0x104B0,36,1,40},{0x10570,11,1,39},{0x1057C,15,1,39},
    {0x1058C,7,1,39},{0x10594,2,1,39},{0x10C80,51,1,64},{0x118A0,32,1,32},{0x16E40,32,1,32},
    {0x1E900,34,1,34},
};

/* Combining classes: how far on, how many, which. */
static const char ft__unicode_combining[] =
    "T48V(#$X(#'z'#$X(#$v'#(z'#%h'#'z'#%h'#.z'#($#'z'#+V(#$a(#$V(#&z'#&V(#%z'$&V(#'z'#$V(#$X("
    "#%z'#$V(#$Y(#%Z(#$Y(#%Z(#$Y(#0V(V)(V(z($z'#'V(#$z'#&V(#$|'#$z'#)V(#)z'#%V(#$z'#%V(#$|'#$T("
    "#$V(#$-#$.#$/#$0#$1#$2#$3#$4#$5#%6#$7#$8#$9$$:$$;#$<$$V(#$z'$$5m$+V(#$B#$C#$DT$$>#$@#$A#$B"
    "#$C#$D#$E#$F#%V(#%z'#(V(#$z'#%V(#$z'3$G]%*V(%'V(#$z'#$V(%%V($$z'#%V(#$z'G$HB$V(#$z'#%V("
    "#$z'#%V(#&z'#$V(#%z'#$V(#$z'#&V(#$z'#$V(#$z'#$V(#$z'#$V(#$z'#%V(k&*V(#$z'#$V(,$z';'V($,V("
    "$&V($(V(O&z'a$$V(#&z'#'V(N(V(#(z'#1V($$z'#%V(#$z'#%V(#$z'#&V(#&z'#$>#$@#$A#&V(#$z'#%V(#%z'"
    "#(V(a$$*3$,&$V(#$z'#%V(_%$*3$,T$$V(b$$*3$,f%$*3$,f%$*3$,w%$,f%$*3$,*$y$#$R%]%$*3$,e%%,3$,"
    "t%$,e%%_%#$,0'c%d%%n%#$,0'r%q$%z'>$z'$$z'$$v'[$$y%#$z%$$|%('z%%$z%$%V(#$,$%V(c$$z'h%$*$%,"
    "w$$z'~2&V(T8%,B$,h&$,-$V(i'$T(Y&$|'#$V(#$z'y'$V(#$z'l$$,7+V(%$z'T$(V(#)z'#%V(#$z'$%z'#%V("
    "#%z'#(V(#$z'#'V(]%$*2$,J$V(#$z'#*V(Z$%,_$$*.%,h$$*c&&V($$$#(z'#%V(#'z'#$V($*$'$z')$V(&%V("
    "d'%V(#$z'#*V(#$z'#%V(#$Z(#$t'#$z'#$h'#IV(#$X(#%T(#$z'#$x'#$V(#$Y(#$z'#$V(#$z'Q3%V(#%$#'V("
    "#&$#%V('$V(&%$#$V(#$z'#$V(#%$#'z'#$V([i$&V(W&$,W%DV(`/$x'#$T(#$X(#$|'#%~'a%%+`z1$V('-V("
    "D%V(u$%V(W)$,I$,b&$,>5V(^$&z'I$,V%$*/$,`($V($%V(#$z'%%V((%V($$V(X$$,g($,hQ-$=U4*V(#*z'#%V("
    "n8$z'R($z'`&(V(cI$z'$$V(L$V(#$$#$z''$,p&$V(#$z's/'V(m+%V(u$&z'k$%z'#&V(#$z'#$V(#'z'U$$V("
    "#$z'#$V(#$z'^'$,M$,1$,^$$,#$*j$&V(T$%,c$$*q$$,,$*b%$,#$*}&$*#$,u$%*3$,;*V(&(V(k'$,&$*:$V("
    "Z%$,#$*l($,#$*v%$,n%$,#$*k%$,~($,#$*s(%,'$*g&$,x$$,5$,v$$,b,$,s($*$%,v$$,f,%,ik,($`$*V("
    "y=%)Yq,$$Yn%%v'#&$&$R(#(v'++z'%(V(#%z'B'V(_&&V(Vs$*V($4V(%*V($%V($(V([%$V(k&*V(a+$V(b$'V("
    "_.%X(#$z'#$V(S9*z'e%)V(#$*";

/* Canonical decompositions: how far on, the first part, and 0 or the second, from 1
   on, doubled, and 1 more where it is not to be composed again. */
static const char *const ft__unicode_parts[] = {
    "^'f$%$f$'$f$)$f$+$f$5$f$9%h$u$$j$%$j$'$j$)$j$5$n$%$n$'$n$)$n$5%s$+$t$%$t$'$t$)$t$+$t$5&z$%",
    "$z$'$z$)$z$5$~$'&X%%$X%'$X%)$X%+$X%5$X%9%Z%u$$]%%$]%'$]%)$]%5$a%%$a%'$a%)$a%5%f%+$g%%$g%'",
    "$g%)$g%+$g%5&m%%$m%'$m%)$m%5$q%'%q%5$f$-$X%-$f$1$X%1$f$w$$X%w$$h$'$Z%'$h$)$Z%)$h$3$Z%3$h$=",
    "$Z%=$i$=$[%=&j$-$]%-$j$1$]%1$j$3$]%3$j$w$$]%w$$j$=$]%=$l$)$_%)$l$1$_%1$l$3$_%3$l$u$$_%u$",
    "$m$)$`%)&n$+$a%+$n$-$a%-$n$1$a%1$n$w$$a%w$$n$3'o$)$b%)$p$u$$c%u$%q$'$d%'$q$u$$d%u$$q$=$d%=",
    "(s$'$f%'$s$u$$f%u$$s$=$f%='t$-$g%-$t$1$g%1$t$;$g%;&w$'$j%'$w$u$$j%u$$w$=$j%=$x$'$k%'$x$)",
    "$k%)$x$u$$k%u$$x$=$k%=$y$u$$l%u$$y$=$l%=&z$+$m%+$z$-$m%-$z$1$m%1$z$9$m%9$z$;$m%;$z$w$$m%w$",
    "$|$)$o%)$~$)$q%)$~$5$Q%'$r%'$Q%3$r%3$Q%=$r%=Ft$]$$g%]$1z$]$$m%]$Af$=$X%=$n$=$a%=$t$=$g%=",
    "$z$=$m%=$z'-$m(-$z''$m('$z'=$m(=$z'%$m(%%b'-$T(-$[/-$]/-$d'-$V(-&l$=$_%=$p$=$c%=$t$w$$g%w$",
    "$z--${--$t,=$n1=$b%='l$'$_%'&s$%$f%%$c''$U('$d''$V('$v''$i('$f$D$X%D$f$H$X%H$j$D$]%D$j$H",
    "$]%H$n$D$a%D$n$H$a%H$t$D$g%D$t$H$g%H$w$D$j%D$w$H$j%H$z$D$m%D$z$H$m%H$x$s$$k%s$$y$s$$l%s$",
    "&m$=$`%=*f$3$X%3$j$u$$]%u$$t'-$g(-$s'-$f(-$t$3$g%3$d/-$e/-$~$-$q%-~(T4#$U4#%h4#$]4(T$h2#",
    "-`$#*s&'$_7'$T'#$c7'$e7'$g7'%m7'%s7'$w7'$k8'=g75$s75$Q8'$U8'$W8'$Y8'$l8'=Y85$f85$`8'$f8'",
    "$j8'(s8'$s85P[:%$[:5%Y:''z95(a:'$_:%$j:1._:1DQ;1:|:%$|:5%z:''p;5(S;'$Q;%$];1;a<D$b<Do$]:1",
    "$}:11V:1$w:1$V:5$w:5&[:1$|:1&k>5$l>5$]:5$}:5$^:5$~:5&_:-$Q;-$_:5$Q;5$e:5$W;5&{>5$|>5$t:5",
    "$g;5$j:-$];-$j:5$];5$j:;$];;$n:5$a;5&r:5$e;5m)QGyI$QG{I$sG{I$QG}I$uG{Ie&yJ{I%eJ{I4vJ{I",
    "_0UX$~k$+^X$~k$&aX$~k$HpW$Ql$$qW$Ql$$rW$Ql$$wW$Ql$$|W$Ql$$}W$Ql$$XX$Ql$$]X$Ql$d%n[$tq$",
    "$n[$yr$3uZ$qq$$vZ$qq$%U[$qq$y$Q_$cw$&W_$cw$Gc^$cw$$d^$cw$$i^$cw$&x^$cw$Z(Xe$zU%&Xe$wT%",
    "$Xe$|U%3`d$tT%$ad$tT%[$wf$n[%Z$~g$iZ%$Qh$iZ%$~g$n[%t%wj$^b%p%im${g%*pm${g%$pm$}g%%pm$Tg%",
    "$tm${g%w%ip$ll%$jp$ll%$ip$qm%X&us$vr%%us$Rs%$xs$vr%$us$ss%|*v{$sZ&-R|$sZ&(W|$sZ&(]|$sZ&",
    "(b|$sZ&0t{$oZ&-x|$pW&%x|$tW&$_~$_X&%`~$_X&,x|$_X&5l}$sZ&-v}$sZ&({}$sZ&(R~$sZ&(W~$sZ&",
    "0j}$oZ&e%xR%Qa&yb$rd&gV)%td&gV)%vd&gV)%xd&gV)%zd&gV)'~d&gV)Mze&gV)%|e&gV)&~e&gV)$Qf&gV)",
    "%Tf&gV)l2f$q$$X%q$$g$3$Y%3$g$m$$Y%m$$g$[%$Y%[%$e''$W('$i$3$[%3$i$m$$[%m$$i$[%$[%[%$i$u$",
    "$[%u$$i$S%$[%S%$U)%$V)%$U)'$V)'$j$S%$]%S%$j$Y%$]%Y%$^/1$_/1$k$3$^%3$l$-$_%-$m$3$`%3$m$m$",
    "$`%m$$m$5$`%5$m$u$$`%u$$m$U%$`%U%$n$Y%$a%Y%$m''$`('$p$'$c%'$p$m$$c%m$$p$[%$c%[%$q$m$$d%m$",
    "$yv&-$zv&-$q$[%$d%[%$q$S%$d%S%$r$'$e%'$r$3$e%3$r$m$$e%m$$s$3$f%3$s$m$$f%m$$s$[%$f%[%$s$S%",
    "$f%S%$s''$f('$s'5$f(5$c*%$d*%$c*'$d*'$u$'$h%'$u$3$h%3$w$3$j%3$w$m$$j%m$$pw&-$qw&-$w$[%",
    "$j%[%$x$3$k%3$x$m$$k%m$$q*3$r*3$w*3$x*3$xw&3$yw&3$y$3$l%3$y$m$$l%m$$y$[%$l%[%$y$S%$l%S%",
    "$z$o$$m%o$$z$Y%$m%Y%$z$S%$m%S%$Q+'$R+'$S+5$T+5${$+$n%+${$m$$n%m$$|$%$o%%$|$'$o%'$|$5$o%5",
    "$|$3$o%3$|$m$$o%m$$}$3$p%3$}$5$p%5$~$3$q%3$Q%)$r%)$Q%m$$r%m$$Q%[%$r%[%$`%[%$l%5$o%9$q%9",
    "%i+3(f$m$$X%m$$f$7$X%7$`''$R('$`'%$R(%$`'7$R(7$`'+$R(+$[y&)$]y&)$s('$t('$s(%$t(%$s(7$t(7",
    "$s(+$t(+$[y&1$]y&1$j$m$$]%m$$j$7$]%7$j$+$]%+$h''$Z('$h'%$Z(%$h'7$Z(7$h'+$Z(+$ty&)$uy&)$n$7",
    "$a%7$n$m$$a%m$$t$m$$g%m$$t$7$g%7$r''$e('$r'%$e(%$r'7$e(7$r'+$e(+$Zz&)$[z&)$],'$^,'$],%$^,%",
    "$],7$^,7$],+$^,+$],m$$^,m$$z$m$$m%m$$z$7$m%7$l,'$m,'$l,%$m,%$l,7$m,7$l,+$m,+$l,m$$m,m$$~$%",
    "$q%%$~$m$$q%m$$~$7$q%7$~$+$q%+*Q8L$Q8N$b{&%$c{&%$b{&'$c{&'$b{&~%$c{&~%$_7L$_7N$j{&%$k{&%",
    "$j{&'$k{&'$j{&~%$k{&~%$U8L$U8N$r{&%$s{&%$r{&'$s{&'&c7L$c7N$z{&%${{&%$z{&'${{&'&W8L$W8N",
    "$T|&%$U|&%$T|&'$U|&'$T|&~%$U|&~%$e7L$e7N$]|&%$^|&%$]|&'$^|&'$]|&~%$^|&~%$Y8L$Y8N$e|&%$f|&%",
    "$e|&'$f|&'$e|&~%$f|&~%$g7L$g7N$m|&%$n|&%$m|&'$n|&'$m|&~%$n|&~%$`8L$`8N$u|&%$v|&%$u|&'$v|&'",
    "&m7L$m7N$}|&%$~|&%$}|&'$~|&'&f8L$f8N$W}&%$X}&%$W}&'$X}&'$W}&~%$X}&~%%s7N%a}&%%a}&'%a}&~%",
    "$j8L$j8N$h}&%$i}&%$h}&'$i}&'$h}&~%$i}&~%$w7L$w7N$p}&%$q}&%$p}&'$q}&'$p}&~%$q}&~%$Q8%$z7#",
    "$U8%${7#$W8%$|7#$Y8%$}7#$`8%$m8#$f8%$n8#$j8%$o8#&b{&V&$c{&V&$d{&V&$e{&V&$f{&V&$g{&V&$h{&V&",
    "$i{&V&$j{&V&$k{&V&$l{&V&$m{&V&$n{&V&$o{&V&$p{&V&$q{&V&$T|&V&$U|&V&$V|&V&$W|&V&$X|&V&$Y|&V&",
    "$Z|&V&$[|&V&$]|&V&$^|&V&$_|&V&$`|&V&$a|&V&$b|&V&$c|&V&$d|&V&$h}&V&$i}&V&$j}&V&$k}&V&$l}&V&",
    "$m}&V&$n}&V&$o}&V&$p}&V&$q}&V&$r}&V&$s}&V&$t}&V&$u}&V&$v}&V&$w}&V&$Q81$Q8-$x}&V&$Q8V&$z7V&",
    "%Q8~%$dQ'V&$_71$_7-$_7%$S7#$_7V&%Y8#&s&~%$|}&V&$W8V&$|7V&%W8~%$tQ'V&$c7%$U7#$e7%$V7#$e7V&",
    "$mQ'%$mQ''$mQ'~%$Y81$Y8-$k8%$^7#&Y8~%$k8~%$g71$g7-$g7%$W7#%QS'%$QS''$QS'~%$f81$f8-$l8%$~7#",
    "$b8L$b8N$f8~%$l8~%$s71$s7-$s7%$[7#$o7N$s&%$R7#$W%#&V~&V&$j8V&$o8V&%j8~%$wR'V&$m7%$Y7#$w7%",
    "$]7#$w7V&$Q'#&US'#$VS'#i)w7#'p$#$c'#g%|['j%$~['j%6R]'j%Cb^'j%$f^'j%$d^'j%Y$h_'j%(m_'j%",
    "&p_'j%;Z`'j%%]`'j%>t`'j%&{`'j%&}`'j%%Ra'j%:b$j%%la'j%.Wa'j%$a$j%$c$j%$oa'j%$pa'j%&}a'j%",
    "$~a'j%&Sb'j%$Tb'j%*Wb'j%$Xb'j%&`b'j%$ab'j%&db'j%$eb'j%GRc'j%$Xc'j%$Yc'j%$[c'j%U$Yb'j%",
    "$Zb'j%$ob'j%$pb'j%*cc'j%$dc'j%$ec'j%$fc'j%a$]T)#$^T)#uOxd(k%|BsU)xi.%uU)xi.%wU)xi.%yU)xi.",
    "%{U)xi.%}U)xi.%QV)xi.%SV)xi.%UV)xi.%WV)xi.%YV)xi.%[V)xi.&_V)xi.%aV)xi.%cV)xi.*jV)xi.",
    "$jV)zi.%mV)xi.$mV)zi.%pV)xi.$pV)zi.%sV)xi.$sV)zi.%vV)xi.$vV)zi.:nU)xi.-kW)xi.1yW)xi.",
    "%{W)xi.%}W)xi.%QX)xi.%SX)xi.%UX)xi.%WX)xi.%YX)xi.%[X)xi.%^X)xi.%`X)xi.%bX)xi.&eX)xi.",
    "%gX)xi.%iX)xi.*pX)xi.$pX)zi.%sX)xi.$sX)zi.%vX)xi.$vX)zi.%yX)xi.$yX)zi.%|X)xi.$|X)zi.",
    ":tW)xi.&cY)xi.$dY)xi.$eY)xi.$fY)xi.'qY)xi.w^<Ss4#$qQ0#$`S5#$zu4#$eQ1#$xy,#$^m-#$QY7#$QY7#",
    "$V_.#$je5#$kv-#${^.#$_c/#$n}1#$fV3#$r}3#$WX4#$Z`4#$c^5#$Td0#$qu0#$~]1#$Xo1#$_r3#$]c5#$tf6#",
    "$n{,#$uj-#$vi0#$We1#$`}3#$i~6#$xu.#$qW1#$Y{3#$mb4#$~g/#$pd3#$cZ4#$]~.#$gR0#$fw0#$Wj1#$u_5#",
    "$dS-#$y`-#$eg-#$]s/#$rh0#$zd1#$eR2#$ZY3#$f|3#$b~3#$f|4#$WV6#$]o6#$r}6#$u[2#$Yb2#$py2#$ro3#",
    "$bl5#$pR7#$wj4#$l[.#$jQ/#$kr2#$~[3#$rf1#$X^2#$tu4#$wT6#$e[.#$kp.#$fd0#$|y0#$vR1#$Xw2#$R}2#",
    "$QQ6#$Xg-#$^]3#$qa-#$aa-#$pe2#$az2#$mp3#$|Q6#$mn4#$Vh/#$Td0#$rk4#$Qz,#$wm.#$jW/#$[m1#$Ux1#",
    "$qh-#$]_2#$pT-#$ZU/#$Ry,#$|s0#$]w/#$yv2#$il-#$rX.#$QS2#$kr3#$xi4#$xm0#$eX5#$er0#$Xi/#$oj3#",
    "$tl/#$xw1#$m|,#$W_-#$^a-#$iZ0#$ku2#$Rh3#$sj4#$he5#$|g-#$ao-#$y_.#$QQ/#$}x/#$VX1#$_`2#$h{5#",
    "$fi6#$ZS7#$eT7#$|e-#$p~/#$bl0#$qV5#$a|.#$Ra/#$ic/#$`r/#$]S1#$g`1#$}r1#$xc2#$j{2#$o[3#$bU5#",
    "$[v3#$~Z5#${m5#$Qc-#$Vf-#$Tr-#$m]1#$Q_4#$xi4#$[~.#$zV/#$|k/#$lm0#$vq2#$wl1#$v},#$u~-#$wm.#",
    "$Zx.#$tW/#$Yn1#$]r1#${V3#$sZ3#$sg5#$vT6#$nV6#$][6#$iS-#$[c2#$zd5#$eS6#$W]/#$r{,#$}Z-#$~m.#",
    "$uo.#$~w/#$Td0#$ec1#$t|1#$jv3#$}]5#$pX7#$_}/#$b~5#$je-#$qT0#$bW0#$jv0#$]~0#$Vp1#$lw1#$S[2#",
    "$gv2#$v]6#$[_-#$jd/#$QR6#$TW-#$nt.#$_z0#$fU5#$jT/#$a_/#$XX0#$[m1#$`R6#$dc-#$Zn-#$np.#$qz/#",
    "$qS0#$c[0#$ht0#$Sp1#$nz1#$YV3#$__4#$q_4#$ee5#$bT6#$li-#${~0#$in-#$gc1#$_s1#$Y|3#$}R6#$dt6#",
    "$cS7#$`U0#$my0#$Re3#$ki2#$fk2#$ps2#$vh1#$k[1#$rm4#$Q},#$fl3#$uc-#$ob-#$f}.#$Zh/#$Yu2#$ok.#",
    "$tu0#$^~/#$wU5#$c[4#$SQ6#$gc4#$f~.#$[^-#$ww-#&nX.#%x|/#&sa-#$Xk1#$uQ2#$q`2#$fa2#$ma2#$jb2#",
    "$|V6#$ot2#$qW3#%r|3#%lk4#&f[5#$w`5#'Ra6#$`a6#$_b6#$X|6#$W`5#$dS6#$_T-#$][-#$i^-#$}f-#$kg-#",
    "$~i-#$Sw-#$cy-#$k{-#$SX.#$bZ.#$mp.#$wp.#$eZ/#$W`/#$~`/#$Zc/#$av/#$my/#$h}/#$mZ0#$sw0#$b{0#",
    "$[S1#$_a1#$he1#$pp1#$z[2#$s`2#$~`2#$}`2#$Wa2#$^a2#$ea2#$hb2#$ib2#$gf2#${g2#$Qo2#$j{2#$Q|2#",
    "$]}2#$RV3#$_Y3#$We3#$]h3#$]h3#$yr3#$s`4#$rc4#$uk4#$Rm4#$Wv4#$`w4#$kX5#$f[5#$cT6#$qZ6#$R]6#",
    "$sY/#$gYn$#$Uf3#&ly,#$w`-#$V_-#$^S-#$a^-#$o_-#${f-#$Sh-#$Sw-#$fu-#$}v-#$lx-#$nX.#$mZ.#",
    "$w^.#$Y_.#$Ye.#$li.#$e~.#$l~.#$uS/#$_U/#$|[/#$k_/#$Q^/#$~`/#$}_/#$Zc/#$pd/#$km/#$io/#$rp/#",
    "$hv/#$x|/#$gR0#$kR0#$yS0#$dl0#$xm0#$jv0#$oQ1#$_Q1#$[S1#$wX1#$_a1#$qV2#$re1#$eh1#$Xk1#$er1#",
    "$su1#${v1#$|{1#$~{1#$uQ2#$XR2#$rR2#$nT2#$dT2#$Z^2#$~h2#$Qo2#$Xs2#$Wx2#$j{2#$yT3#$_Y3#$Tm3#",
    "$kp3#$qV4#$wa4#$bc4#$rc4#$`j4#$lk4#$lj4#$uk4#$rk4#$ak4#$Rm4#$wn4#$`w4#$tU5#$s]5#$_d5#$Zi5#",
    "$UR6#$cT6#$|V6#$zY6#$qZ6#$}Z6#$R]6#$Ym6#$QY7#${vj$#$uvj$#$l^l$#$Wj*#$nU+#$bV+#$wVp$#$rfq$#",
    "$Ztu$#$RW7#$qX7#i$^EwB%wE}B.nEdC$nEfC$jtCdC$jtCfC$TE}B$TEQC$TEYC$UEYC$VEYC$WEYC$XEYC$YEYC",
    "$ZEYC%]EYC$^EYC$_EYC$`EYC$aEYC%cEYC%eEYC$fEYC%hEYC$iEYC%kEYC$lEYC$mEYC$nEYC$oEYC$YESC$UE`C",
    "$`E`C$iE`CXq%ufF|Yi$%wfF|Yi$2SgF|Yi${%XjFu_i$$YjFu_i$Q/RvFkwi$$RvFpxi$X+]~FfZj$$]~FQZj$",
    "%]~FlZj$m({UGafj$$|UGafj$x6tjGZak$m^:^w_$U{l%$_w_$U{l%$fw_$h{l%$fw_$j{l%$fw_$l{l%$fw_$n{l%",
    "$fw_$p{l%|$fy_$U{l%$gy_$U{l%$hy_$h{l%$iy_$h{l%$hy_$j{l%$iy_$j{l%}YIUz,#$~y,#$Yz,#$Xye$#",
    "$kR-#$_T-#$lT-#$XV-#$wX-#$iY-#$][-#$rZ-#$ao)#$Wif$#$i^-#$p^-#$R_-#$f_-#$ubf$#$|o)#$U_-#",
    "$|_-#$wcf$#$X`-#$f`-#$^},#$n`-#$w`-#$kXx$#$]b-#$kb-#$up)#$vc-#$Sd-#$Re-#$We-#$~q)#${f-#",
    "$}f-#$kg-#$Sh-#$_h-#$`h-#$qh-#$vi-#$~i-#$Yj-#$sj-#$}j-#$Qk-#$Qk-#$Qk-#$lQg$#$oZ1#$pl-#",
    "$Wm-#$hXg$#$dm-#$jm-#$Qn-#$cq-#$Vo-#$go-#$Yp-#$gq-#$as-#${s-#$du-#$tu-#$hv-#$hv-#$}v-#",
    "$bw-#$jw-#$yw-#$eQ.#$cy-#$fQ.#$S{-#$w{-#$ob-#${[.#$iU.#$bV.#${V.#$RT.#$sW.#$rW.#$fZ.#",
    "$kbh$#$Q].#$V].#$f].#$z].#$T^.#$h_.#$mlh$#$Tnh$#$kb.#$mc.#$yc.#$Vb.#$^e.#$h|)#$v|)#$yh.#",
    "$Tj.#$Tj.#$c~h$#$Rm.#$hm.#$wm.#$Un.#$xWi$#$bn.#$in.#$_S/#$Wo.#$tQ*#$ip.#$wp.#$or.#$iq.#",
    "$thi$#$ku.#$vhi$#$iv.#$fv.#$wv.#$Ty.#$Uy.#$nU*#$qy.#$oz.#$V{.#$U|.#$tV*#$b}i$#$aW*#$p}.#",
    "$s}.#$v}.#$]~.#$]dz$#$dQ/#${Xj$#${Xj$#$le3#$ZR/#$ZR/#$QY*#$]Wl$#$cUr$#$nS/#$wS/#$nY*#$yT/#",
    "$QV/#$[V/#$~V/#$QZ/#$k[*#$zZ*#$eZ/#$mnj$#$k[/#$e_/#$i_/#$k_/#$i_/#$j`/#$~`/#$ua/#$ga/#",
    "$ra/#$tb/#$Zc/#$_c/#$yc/#$Vd/#$le/#$fg/#$[h/#$~j/#$mXk$#$kj/#$Vi/#$ik/#$Vl/#$^n/#$q^k$#",
    "$oo/#$lm/#$}l/#$~a*#$[q/#$qq/#$cr/#$jq/#$bc*#$av/#$~v/#$Qvk$#$ny/#$uQ0#$z{/#$Zg*#$h}/#",
    "$wf*#$Rf*#$S`-#$V`-#$}Q0#$s}/#$R^3#$~k+#$gR0#$kR0#$qR0#$ST0#$vS0#$Y^l$#$^h*#$iW0#${T0#",
    "$gY0#$mZ0#$}al$#$vZ0#$aX0#$u^0#$Wj*#$v_0#$}a0#$jc0#$tg0#$jnl$#$zh0#$yl*#$fj0#$Qzl$#$lk0#",
    "$Tn*#$]l0#$]m0#$xm0#$ym0#$vVm$#$|ci$#$[Ym$#$Wq0#$[dm$#$os0#$}s0#$qq0#$lu0#$gv0#$sw0#$jv0#",
    "$ew0#$tw0#$Sx0#$dfm$#$]v0#$w{0#$[}0#$Xs*#$_Q1#$ZQ1#$Tpm$#$nz0#${T1#$Zsm$#$^tm$#$yV1#$eY1#",
    "$wX1#$tX1#$bu*#$vY1#$|Z1#$vZ1#$Q]1#$~bf$#$c`1#$cVn$#$`b1#$p^n$#$ee1#$re1#$`f1#$Vln$#$cg1#",
    "$xg1#$vrn$#$twn$#$|l1#$`m1#$j{*#$zm1#$v{*#$v{*#$hq1#$}q1#$er1#$yr1#$dt1#$Q~*#$dv1#$^bo$#",
    "$~v1#$`do$#$Ux1#$~}i$#$o{1#$ruo$#$[vo$#$ayo$#$QU+#$^U+#$rR2#$[}o$#$Z}o$#$T~o$#$o~o$#$oS2#",
    "$pS2#$pS2#$nT2#$bV+#$TV2#$oV+#$eX+#$[bp$#$dZ2#$u[2#$Z^2#$WZ+#$vmp$#$^a2#$cpp$#$aqp$#$jb2#",
    "$ld2#$w[+#$gf2#$qf2#$vf2#$uRq$#$eYq$#$eYq$#$aj2#$ia+#$Z`q$#$Wo2#$Zo2#$ab+#$|dq$#$Uu2#$Re+#",
    "$lu2#$gu2#$Vv2#$Wvq$#$`x2#$Yg+#$jz2#$x{2#$a}2#$`h+#$VWr$#$vWr$#$Wi+#$S[r$#$ZV3#$_^r$#$vV3#",
    "$SY3#$_Y3#$fgr$#$Tir$#$`[3#$Rlr$#$p[3#$}Zl$#$zk+#$W^3#$|_3#$Um+#$]a3#$Rg.#$cwr$#$qwr$#",
    "$V]l$#$`]l$#$le3#$oe3#$RX5#$[o+#$uh3#$oh3#$Si3#$gf-#$hi3#$ji3#$ti3#$pj3#$t^s$#$oj3#$zk3#",
    "$fm3#$Uo3#$Rl3#$fo3#$cp3#$yr3#$Um3#$so3#$uo3#$Wp3#$`ds$#$Yks$#$xgs$#$hs+#$_v3#$av3#$Vw3#",
    "$ebt$#$xx3#$Xus$#$mt+#$qt+#$Vxs$#$j~s$#${t+#$U~3#$b~3#$m~3#$o~3#$TR4#$aQ4#$`T4#$aS4#$qV4#",
    "$zT4#$cV4#$~V4#$`w+#$QY4#$rY4#$Tx+#$w[4#$z[4#$_qt$#$g_4#$n_4#$dy+#$]`4#$~o)#$]~t$#$aTu$#",
    "$f|+#$o|+#$ni4#$ak4#$wn4#$as4#$ygu$#$]u4#$su4#$sw4#$uy4#$]vu$#$`sf$#$o{4#$`{4#$g|4#$Xxf$#",
    "$jS5#$tU5#$Qov$#$mov$#$h^5#$k`5#$^a5#$svv$#$ha5#$wg5#$bk5#$ck5#$ai5#$vq5#$er5#$Rew$#$sz5#",
    "$m_,#$r{5#$hmw$#$da,#$pS6#$Rx.#$vU6#$WUx$#$yYx$#$ed,#$md,#$QZ6#$zex$#$|e,#$Qix$#$}Z6#$}Z6#",
    "$n[6#$dox$#$s`6#$vh,#$`b6#$Ve6#$re6#$Sg6#$]l,#$kay$#$Ym6#$zs6#$Ux6#$|q,#$nr,#$fz6#$iSz$#",
    "$yr,#$sTz$#$nZz$#$j^z$#$QT7#$}t,#$cU7#$hU7#$oU7#$yU7#$RV7#$xV7#$Trz$#"};
